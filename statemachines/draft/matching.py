"""Finds what the words of a table mean: events of the catalog, roles, earlier steps. Near is not enough; near is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ies", "ers", "er", "ed", "es", "s", "e", "y")
_IRREGULAR = {
    "written": "write", "wrote": "write", "began": "begin", "begun": "begin", "given": "give", "gave": "give", "told": "tell",
    "seen": "see", "saw": "see", "made": "make", "done": "do", "does": "do", "sent": "send", "taken": "take", "took": "take",
    "died": "die", "dies": "die", "death": "die", "stopped": "stop", "co": "co", "notes": "note",
}  # fmt: skip
_EMPTY = frozenset({
    "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "of", "in", "on", "at", "to",
    "for", "with", "by", "and", "or", "when", "once", "after", "as", "it", "its", "this", "that", "all",
})  # fmt: skip
_GENERIC = frozenset({"complet", "record", "mak", "do", "finish", "perform"})
"""Verbs that only say that something happened: "assessment completed" is told by "assess"."""


class Event(NamedTuple):
    """What a phrase says happened: an event type of the catalog, and others that come near."""

    name: str | None
    near: tuple[str, ...]


def stems(text: str) -> tuple[str, ...]:
    """The words of a text that carry meaning, each without its ending."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    plain = re.sub(r"\bco[- ]sign", "cosign", plain)
    plain = re.sub(r"\bspo\s*2\b", "spo2", plain)
    return tuple(_stem(word) for word in re.findall(r"[a-z0-9]+", plain) if word not in _EMPTY)


def _stem(word: str) -> str:
    word = _IRREGULAR.get(word, word)
    shortened = True
    while shortened:
        shortened = False
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word, shortened = word[: -len(ending)], True
                break
    return word


def event(text: str, catalog: Iterable[str]) -> Event:
    """The event type that a phrase names: by its own name, or because the phrase holds every word of it."""
    names = list(catalog)
    exact = re.sub(r"[\s-]+", "_", text.strip().casefold())
    if exact in names:
        return Event(exact, ())
    said = set(stems(text))
    scored: list[tuple[float, int, str]] = []
    for name in names:
        words = set(stems(name.replace("_", " ")))
        telling = words - _GENERIC or words
        shared = telling & said
        if shared:
            scored.append((len(shared) / len(telling), len(telling), name))
    whole = sorted(((size, name) for share, size, name in scored if share == 1), reverse=True)
    near = tuple(name for share, _, name in sorted(scored, reverse=True) if share >= 0.5)[:3]
    if whole and (len(whole) == 1 or whole[0][0] > whole[1][0]):
        return Event(whole[0][1], tuple(name for name in near if name != whole[0][1]))
    return Event(None, near)


_LIST = re.compile(r"\s*(?:/|,|;|&|\+|\bor\b|\band\b|\bwith\b)\s*", re.IGNORECASE)


def several(text: str) -> list[str]:
    """The parts of "RT or RN", "RT/RN", "RT and RN"; what stands in parentheses belongs to what it follows."""
    outside = re.sub(r"\([^)]*\)", lambda match: match[0].replace("/", "\x00").replace(",", "\x01"), text)
    parts = [part.replace("\x00", "/").replace("\x01", ",").strip() for part in _LIST.split(outside)]
    return [part for part in parts if part]


def role_code(text: str, known: Mapping[str, str]) -> str | None:
    """The code of a known role that a text names, by its code or its title; ``known`` maps codes to titles."""
    words = stems(text)
    inside = re.search(r"\(([^)]+)\)", text)
    for spoken in [text, *([inside[1]] if inside else []), re.sub(r"\([^)]*\)", "", text)]:
        plain = re.sub(r"[^a-z0-9]+", "_", spoken.strip().casefold()).strip("_").upper()
        for code in (plain, plain.removesuffix("S"), plain.removeprefix("THE_")):
            if code in known:
                return code
    for code, title in known.items():
        if words and words == stems(title):
            return code
    return None


def step(text: str, titles: Sequence[str], numbers: Sequence[str]) -> int | None:
    """The step that a text names, by number, by title, or because it is the only one whose words it holds."""
    plain = " ".join(text.casefold().split()).strip(" .")
    plain = re.sub(r"^(?:after|once|when|following|the|completion of|end of|\s)+\b\s*", "", plain)
    bare = re.sub(r"^(?:step|no\.?|nr\.?|#|task)\s*", "", plain)
    for place, number in enumerate(numbers):
        if number and bare == number.casefold().strip(" ."):
            return place
    for place, title in enumerate(titles):
        if plain == title.casefold():
            return place
    said = set(stems(text))
    whole = [place for place, title in enumerate(titles) if said and set(stems(title)) <= said | _GENERIC]
    if not whole:
        whole = [
            place
            for place, title in enumerate(titles)
            if said and said - _GENERIC and said - _GENERIC <= set(stems(title))
        ]
    return whole[0] if len(whole) == 1 else None


def slug(text: str, fallback: str) -> str:
    """A name for a state, a parameter or an event: lower case, words joined by underscores."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    words = re.findall(r"[a-z0-9]+", re.sub(r"\([^)]*\)", " ", plain)) or re.findall(r"[a-z0-9]+", plain)
    kept = [word for word in words if word not in {"the", "a", "an"}][:6]
    name = "_".join(kept)[:48].strip("_")
    if not name:
        return fallback
    return name if name[0].isalpha() else f"{fallback}_{name}"
