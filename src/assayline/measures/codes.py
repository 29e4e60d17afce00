"""Codes of countries, currencies, languages and states, as the standards list them.

Codes are facts of the standards; they change a few times in ten years. Sources: ISO 3166-1 and 3166-3 (2025), ISO 4217 lists one and three
(2025; of the withdrawn codes those since 1990, which still stand in data), ISO 639-1 (2002, 184 codes), USPS Publication 28 (2024), and for the
names of countries the table of the time zone database (public domain).
"""

from __future__ import annotations

from string import ascii_uppercase


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(";"))


# ISO 3166-1: alpha-2 and alpha-3 in one word.
_COUNTRIES = _words("""
    ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI
    BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN
    COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK
    FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD
    HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA
    KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD
    MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC NLNLD NONOR NPNPL
    NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA
    SASAU SBSLB SCSYC SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF
    TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR
    VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
""")
COUNTRIES_2 = frozenset(pair[:2] for pair in _COUNTRIES)
COUNTRIES_3 = frozenset(pair[2:] for pair in _COUNTRIES)
# Formerly used (ISO 3166-3), exceptionally reserved (UK, EU, UN, …) and free for users (AA, QM to QZ, XA to XZ, ZZ): not listed, and no errors.
COUNTRIES_2_TOLERATED = _words("AN BU CS DD FX NT SU TP YU ZR AC CP CQ DG EA EL EU EZ IC SF TA UK UN AA ZZ") | frozenset(
    first + letter for first, letters in (("Q", ascii_uppercase[12:]), ("X", ascii_uppercase)) for letter in letters
)
COUNTRIES_3_TOLERATED = _words("ANT BUR BYS CSK DDR FXX NTZ ROM SCG SUN TMP YUG ZAR ZRE XKX XXK KSV UNK EUR AAA ZZZ XXX")

# ISO 4217, list one.
CURRENCIES = _words("""
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP
    CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
    PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
""")
# ISO 4217, list three: withdrawn; and what is no currency of a country but stands beside them.
CURRENCIES_TOLERATED = _words("""
    ANG ATS AZM BEF BGL BGN BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD HRK IEP ITL LTL LUF LVL MRO MTL MZM NLG PLZ PTE ROL RUR SDD SIT SKK SLL STD TMM TRL
    UAK VEB VEF YUM ZMK ZWD ZWL ZWR CNH BTC ETH XBT CNT GBX
""")

# ISO 639-1.
LANGUAGES = _words("""
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga
    gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
    lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn
    so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
""")

LANGUAGES_TOLERATED = _words("iw in ji sh mo xx zz")  # withdrawn, and what people write for "none"

# USPS Publication 28, appendix B: states, districts, territories, armed forces.
US_STATES = _words("""
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY
    DC AS FM GU MH MP PW PR VI AA AE AP
""")

# Names in English, small letters, without what stands in brackets.
COUNTRY_NAMES = _phrases("""
    afghanistan; albania; algeria; andorra; angola; anguilla; antarctica; antigua & barbuda; argentina; armenia; aruba; australia; austria;
    azerbaijan; bahamas; bahrain; bangladesh; barbados; belarus; belgium; belize; benin; bermuda; bhutan; bolivia; bosnia & herzegovina; botswana;
    bouvet island; brazil; britain; british indian ocean territory; brunei; bulgaria; burkina faso; burma; burundi; cambodia; cameroon; canada; cape
    verde; caribbean nl; cayman islands; central african rep.; chad; chile; china; christmas island; cocos islands; colombia; comoros; congo; cook
    islands; costa rica; croatia; cuba; curaçao; cyprus; czech republic; czechia; côte d'ivoire; denmark; djibouti; dominica; dominican republic; east
    timor; ecuador; egypt; el salvador; england; equatorial guinea; eritrea; estonia; eswatini; ethiopia; falkland islands; faroe islands; fiji;
    finland; france; french guiana; french polynesia; french s. terr.; gabon; gambia; georgia; germany; ghana; gibraltar; great britain; greece;
    greenland; grenada; guadeloupe; guam; guatemala; guernsey; guinea; guinea-bissau; guyana; haiti; heard island & mcdonald islands; holland;
    honduras; hong kong; hungary; iceland; india; indonesia; iran; iraq; ireland; isle of man; israel; italy; ivory coast; jamaica; japan; jersey;
    jordan; kazakhstan; kenya; kiribati; korea; kuwait; kyrgyzstan; laos; latvia; lebanon; lesotho; liberia; libya; liechtenstein; lithuania;
    luxembourg; macao; macau; macedonia; madagascar; malawi; malaysia; maldives; mali; malta; marshall islands; martinique; mauritania; mauritius;
    mayotte; mexico; micronesia; moldova; monaco; mongolia; montenegro; montserrat; morocco; mozambique; myanmar; namibia; nauru; nepal; netherlands;
    new caledonia; new zealand; nicaragua; niger; nigeria; niue; norfolk island; north korea; north macedonia; northern ireland; northern mariana
    islands; norway; oman; pakistan; palau; palestine; panama; papua new guinea; paraguay; peru; philippines; pitcairn; poland; portugal; puerto rico;
    qatar; romania; russia; russian federation; rwanda; réunion; saint barthelemy; saint helena; saint kitts & nevis; saint lucia; saint maarten;
    saint martin; saint pierre & miquelon; saint vincent; samoa; san marino; sao tome & principe; saudi arabia; scotland; senegal; serbia; seychelles;
    sierra leone; singapore; slovakia; slovenia; solomon islands; somalia; south africa; south georgia & the south sandwich islands; south korea;
    south sudan; spain; sri lanka; sudan; suriname; svalbard & jan mayen; swaziland; sweden; switzerland; syria; taiwan; tajikistan; tanzania;
    thailand; togo; tokelau; tonga; trinidad & tobago; tunisia; turkey; turkiye; turkmenistan; turks & caicos is; tuvalu; türkiye; uae; uganda; uk;
    ukraine; united arab emirates; united kingdom; united states; united states of america; uruguay; us minor outlying islands; usa; uzbekistan;
    vanuatu; vatican city; venezuela; viet nam; vietnam; virgin islands; wales; wallis & futuna; western sahara; yemen; zambia; zimbabwe; åland
    islands
""")

# Units people write into a column of units (SI brochure 2019, and the common ones of trade), small letters.
UNITS = _words("""
    kg g mg µg ug ng t lb lbs oz km m cm mm µm um nm mi mile miles ft in inch inches yd m2 m² m3 m³ km2 km² ha l ml dl cl gal s sec min h hr hrs d day days ms us
    hz khz mhz ghz c f k °c °f celsius fahrenheit kelvin pa hpa kpa bar mbar psi atm v mv kv a ma w kw mw kwh mwh gwh j kj mj cal kcal n mol mmol ppm ppb %
    percent pct m/s km/h mph knots kn kt pcs pc piece pieces each ea unit units box boxes pack packs dozen pair pairs mg/l µg/m³ ug/m3 mg/dl mmol/l db deg rad
""")
