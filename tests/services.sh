#!/bin/sh
# Puts in place what tests need beside Python: strace; and a PostgreSQL that answers, or its programs, of which the tests start one of their own.
# On a machine that has them not and is not ours to change, it says so, and those tests are skipped just as loudly.
set -eu

# strace kills the gate at each of its system calls (tests/line/test_killsweep.py).
if command -v strace >/dev/null 2>&1; then
  echo "services: strace is here"
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 \
  && { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends strace; } >/dev/null 2>&1; then
  echo "services: strace was installed"
else
  echo "services: CRASHES ARE NOT TESTED HERE: no strace, no way to install it (apt-get install strace)" >&2
fi

# Brokers: tests start their own Mosquitto, NATS server and Redis from Debian's programs; RabbitMQ has to run (tests/arrivals/brokers.py).
for pair in mosquitto:mosquitto nats-server:nats-server redis-server:redis-server rabbitmq-server:rabbitmq-server; do
  program=${pair%%:*} package=${pair#*:}
  if PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null 2>&1; then continue; fi
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 \
    && { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } >/dev/null 2>&1; then
    echo "services: $package was installed"
  else
    echo "services: $program IS NOT TESTED HERE: it is not installed, and there is no way to install it (apt-get install $package)" >&2
  fi
done

if [ -n "${ASSAY_POSTGRES:-}" ]; then echo "services: PostgreSQL as named by ASSAY_POSTGRES"; exit 0; fi
if ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1; then
  echo "services: PostgreSQL's programs are here"; exit 0
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "services: installing PostgreSQL"
  # Without a cluster of the system: the tests make their own and throw it away.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
  if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >/dev/null 2>&1; then
    exit 0
  fi
fi
echo "services: POSTGRESQL IS NOT TESTED HERE: no server, no programs, no way to install them (apt-get install postgresql, or set ASSAY_POSTGRES)" >&2
