"""Whether a column's name tells of what people must not be judged by, in several languages."""

import re
import unicodedata
from collections.abc import Iterator, Sequence


def _all(words: str) -> Sequence[str]:
    return re.findall(r"\w+", words)


# The grounds of Article 21 of the EU's Charter of Fundamental Rights, as columns are called.
_SURE = frozenset(
    _all(
        "sex gender geschlecht sexe genre sexo genero sesso geslacht kon kjonn plec pohlavi "
        "race ethnicity ethnic ethnie etnia rasse herkunft hautfarbe raza raca "
        "religion religious konfession glaube religione religiao religie wyznanie "
        "disability disabled handicap behinderung schwerbehinderung discapacidad disabilita niepelnosprawnosc "
        "nationality nationalitaet nationalitat nationalite nacionalidad nazionalita nacionalidade nationaliteit "
        "citizenship staatsangehoerigkeit staatsangehorigkeit citoyennete ciudadania cittadinanza narodowosc "
        "age alter edad eta idade leeftijd wiek birthdate birthday dob geburtsdatum geburtstag geburtsjahr "
        "naissance nacimiento pregnant pregnancy schwanger schwangerschaft enceinte embarazada "
        "marital familienstand zivilstand civilstand matrimonial"
    )
)
_LIKELY = frozenset(
    _all(
        "birth born geboren orientation native immigrant migrant foreign foreigner auslaender auslander etranger "
        "extranjero spouse married children kinder enfants hijos mother father female male weiblich maennlich mannlich "
        "femme homme language sprache langue idioma lingua origin skin union gewerkschaft politics party veteran"
    )
)
_HYPHENLESS = re.compile(r"[^a-z0-9]+")


def likelihood(name: str) -> str:
    """`certain`, `likely`, or empty, by the words that the name is made of."""
    words = _words(name)
    if any(word in _SURE for word in words):
        return "certain"
    return "likely" if any(word in _LIKELY for word in words) else ""


def _words(name: str) -> Sequence[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().lower()
    return [*_singular(_HYPHENLESS.split(plain))]


def _singular(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield word
        if word.endswith("s"):
            yield word[:-1]
