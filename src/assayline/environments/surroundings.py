"""What an interpreter runs on besides packages: itself, the machine, the clock, numeric libraries, switches.

The standard library alone, so that any interpreter can run this file without Assayline. Values are texts; nothing that changes from run to run is among them.
"""

from __future__ import annotations

import locale
import os
import platform
import re
import struct
import subprocess
import sys
import sysconfig
import time
import warnings
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

# Exact names, no prefixes: what is not here is never read, so no secret can slip into a capture.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_DYNAMIC", "OMP_PROC_BIND", "OMP_SCHEDULE",
)  # fmt: skip
MATH_VARIABLES = (
    "OPENBLAS_CORETYPE", "MKL_CBWR", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
    "NPY_PROMOTION_STATE", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES", "TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS",
    "JAX_ENABLE_X64", "XLA_FLAGS", "SCIPY_ARRAY_API",
)  # fmt: skip
SWITCH_VARIABLES = (
    "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8", "PANDAS_COPY_ON_WRITE", "PANDAS_FUTURE_INFER_STRING", "SKLEARN_ASSUME_FINITE", "SKLEARN_WORKING_MEMORY",
)  # fmt: skip
PLACE_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "TZ", "ASSAY_IMAGE_DIGEST")
LONGEST = 200  # characters of a value; what is longer is no number of threads and no name of a place

# Winter and summer of the same year: a zone is known by what it does to both.
MOMENTS = {"offset in January": 1_705_320_000, "offset in July": 1_721_044_800}
# What changes the order in which a sum is made, and with it the last bits.
CPU_FLAGS = re.compile(r"sse4_[12]|avx\w*|fma\w*|f16c|amx\w*|asimd\w*|sve\w*|bf16|i8mm|neon")


def answer(request: dict[str, Any], modules: dict[str, Any]) -> dict[str, Any]:
    """Packages and facts of the interpreter that runs this; see `asking`."""
    packages = modules["collecting"].packages(request["check_files"])
    return {"packages": packages, "facts": surroundings(set(packages), modules.get("threadpoolctl"))}


def surroundings(installed: frozenset[str] | set[str], threadpoolctl: Any = None, *, load: bool = True) -> dict[str, dict[str, str]]:
    """Facts by layer, as texts.

    Args:
        installed: normalised names of the installed distributions.
        threadpoolctl: that module, or None where it is not there.
        load: whether to import numeric libraries to ask them; else only those are asked that are loaded.
    """
    loaded = {name: _module(name, load and name.partition(".")[0] in names) for name, names in _ASKED.items() if installed & names}
    return {
        "interpreter": interpreter(), "machine": machine(), "place": place(), "clock": clock(), "math": mathematics(loaded.get("numpy"), threadpoolctl),
        "threads": threads(threadpoolctl), "switches": switches(loaded.get("pandas"), loaded.get("sklearn")),
        "marker": marker_environment(),
    }  # fmt: skip


_ASKED: dict[str, set[str]] = {"numpy": {"numpy"}, "scipy.linalg": {"scipy"}, "pandas": {"pandas"}, "sklearn": {"sklearn", "scikit-learn"}}


def _module(name: str, load: bool) -> ModuleType | None:
    if name in sys.modules or not load:
        return sys.modules.get(name)
    with suppress(Exception):  # a library that cannot be imported is told by its absence from the facts
        return import_module(name)
    return None


def interpreter() -> dict[str, str]:
    """Which Python this is."""
    return {
        "implementation": sys.implementation.name,
        "version": platform.python_version(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "abi": str(sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag),
        "libc": " ".join(platform.libc_ver()).strip() or "unknown",
        "byte order": sys.byteorder,
        "word": f"{sys.maxsize.bit_length() + 1} bits",
    }


def machine() -> dict[str, str]:
    """The machine and its system."""
    release = _release()
    found = {"system": platform.system(), "architecture": platform.machine(), "kernel": platform.release(), "distribution": " ".join(release).strip()}
    image = _variable("ASSAY_IMAGE_DIGEST")
    return {**found, "cpu": _cpu()[0], "image": image or ""}


def _release() -> tuple[str, str]:
    said = {}
    with suppress(OSError), open("/etc/os-release", encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = line.strip().partition("=")
            said[key] = value.strip('"')
    return said.get("ID", ""), said.get("VERSION_ID", "")


def _cpu() -> tuple[str, str]:
    """Name of the processor and the features that matter to sums."""
    name, flags = platform.processor(), ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = (piece.strip() for piece in line.partition(":"))
            if key == "model name" and value:
                name = value
            elif key in ("flags", "Features"):
                flags = " ".join(sorted(flag for flag in set(value.split()) if CPU_FLAGS.fullmatch(flag)))
                break
    return name, flags


def place() -> dict[str, str]:
    """Language and region as they are in force."""
    found = {name: locale.setlocale(getattr(locale, name)) for name in ("LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE")}
    found["encoding"] = locale.getpreferredencoding(False).lower()
    found["file names"] = sys.getfilesystemencoding()
    found.update({f"variable {name}": value for name in PLACE_VARIABLES[:6] for value in [_variable(name)] if value is not None})
    return found


def clock() -> dict[str, str]:
    """The time zone by what it does, its name, and the version of the zone tables."""
    found = {name: str(time.localtime(moment).tm_gmtoff) for name, moment in MOMENTS.items()}
    found["zone"] = _zone()
    found["zone tables"] = _zone_tables()
    return found


def _zone() -> str:
    said = _variable("TZ")
    if said is not None:
        return said or "UTC"
    target = os.path.realpath("/etc/localtime")
    return target.partition("zoneinfo/")[2] or " ".join(dict.fromkeys(time.tzname))


def _zone_tables() -> str:
    for path in ("/usr/share/zoneinfo/tzdata.zi", "/usr/share/zoneinfo/+VERSION"):
        with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().replace("# version", "").strip()
    return "unknown"


def mathematics(numpy: ModuleType | None, threadpoolctl: Any = None) -> dict[str, str]:
    """What computes: linear algebra, processor features, graphics, and the variables that choose between ways to compute."""
    found = {f"library {name}": _told(info, "version", "architecture", "threading_layer") for name, info in _pools(threadpoolctl).items()}
    if threadpoolctl is None:
        found["libraries"] = "not asked: threadpoolctl is missing"
    found["cpu features"] = _cpu()[1]
    if numpy is not None:
        found["numpy was built with"] = _numpy_build(numpy)
    found["graphics"] = _graphics()
    found.update({f"variable {name}": value for name in MATH_VARIABLES for value in [_variable(name)] if value is not None})
    return found


def threads(threadpoolctl: Any = None) -> dict[str, str]:
    """How many threads each numeric library uses, and the variables that say so."""
    found = {f"library {name}": str(info.get("num_threads")) for name, info in _pools(threadpoolctl).items()}
    found.update({f"variable {name}": value for name in THREAD_VARIABLES for value in [_variable(name)] if value is not None})
    return found


def _pools(threadpoolctl: Any) -> dict[str, dict[str, Any]]:
    """The loaded numeric libraries by their kind and whose they are: not by their path, which differs between equal environments."""
    found: dict[str, dict[str, Any]] = {}
    with suppress(Exception):  # one that cannot be asked is told by its absence
        for info in threadpoolctl.threadpool_info() if threadpoolctl is not None else []:
            owner = re.search(r"([^/\\]+)\.libs[/\\]", str(info.get("filepath", "")))
            name = f"{info.get('internal_api')} of {owner.group(1) if owner else 'the system'}"
            found.setdefault(name, info)
    return dict(sorted(found.items()))


def _told(info: dict[str, Any], *names: str) -> str:
    return " ".join(str(info[name]) for name in names if info.get(name))


def _numpy_build(numpy: ModuleType) -> str:
    with suppress(Exception):  # its layout has changed before
        blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{blas.get('name')} {blas.get('version')}"
    return "unknown"


def _graphics() -> str:
    """Driver and cards; "" where there is no NVIDIA driver."""
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"], capture_output=True, text=True, timeout=10, check=True)
        return "; ".join(sorted(line.strip() for line in asked.stdout.splitlines() if line.strip()))
    return ""


def switches(pandas: ModuleType | None, sklearn: ModuleType | None) -> dict[str, str]:
    """What changes the behaviour of unchanged code; of libraries only what is not as they come."""
    found = {
        # Numbers below 2.2e-308: a library built with -ffast-math makes them zero for the whole thread.
        "flush to zero": str(sys.float_info.min / 2 == 0.0),
        "denormals are zero": str(_tiny() == 0.0),
        "optimised": str(sys.flags.optimize),
        "random hashes": str(bool(sys.flags.hash_randomization)),
        "utf-8 mode": str(sys.flags.utf8_mode),
    }
    found.update({f"variable {name}": value for name in SWITCH_VARIABLES for value in [_variable(name)] if value is not None})
    with suppress(Exception):  # its registry is not public
        found.update({f"pandas {name}": value for name, value in _pandas_options(pandas).items()})
    if sklearn is not None:
        with suppress(Exception):
            found.update({f"sklearn {name}": str(value) for name, value in sklearn.get_config().items() if str(value) != _SKLEARN.get(name, str(value))})
    return found


def _tiny() -> float:
    return float(struct.unpack("<d", (1).to_bytes(8, "little"))[0])  # from its bits: no calculation may make it zero before it is looked at


_SKLEARN = {
    "assume_finite": "False", "working_memory": "1024", "array_api_dispatch": "False", "transform_output": "default", "enable_metadata_routing": "False",
    "pairwise_dist_chunk_size": "256", "enable_cython_pairwise_dist": "True", "skip_parameter_validation": "False",
}  # fmt: skip


def _pandas_options(pandas: ModuleType | None) -> dict[str, str]:
    if pandas is None:
        return {}
    registry = import_module("pandas._config.config")
    changed = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some options are on their way out
        for name, option in registry._registered_options.items():
            if name.partition(".")[0] in ("mode", "compute", "future", "io"):
                value = pandas.get_option(name)
                if value != option.defval:
                    changed[name] = str(value)[:LONGEST]
    return changed


def marker_environment() -> dict[str, str]:
    """What markers of requirements ask about (PEP 508)."""
    version = sys.implementation.version
    full = f"{version.major}.{version.minor}.{version.micro}"
    return {
        "implementation_name": sys.implementation.name, "implementation_version": full + ("" if version.releaselevel == "final" else version.releaselevel[0] + str(version.serial)),
        "os_name": os.name, "platform_machine": platform.machine(), "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(), "platform_system": platform.system(), "platform_version": platform.version(),
        "python_full_version": platform.python_version(), "python_version": ".".join(platform.python_version_tuple()[:2]), "sys_platform": sys.platform,
    }  # fmt: skip


def _variable(name: str) -> str | None:
    value = os.environ.get(name)
    return None if value is None else value if len(value) <= LONGEST else "too long to be told"
