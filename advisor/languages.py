"""Languages as people name them: by code, or by their English names."""

from __future__ import annotations

import re

_THREE_LETTERS = {
    "ara": "ar", "ces": "cs", "deu": "de", "ell": "el", "eng": "en", "fra": "fr", "heb": "he", "hin": "hi", "hun": "hu",
    "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "nld": "nl", "pol": "pl", "por": "pt", "ron": "ro", "rus": "ru",
    "spa": "es", "swa": "sw", "swe": "sv", "tur": "tr", "ukr": "uk", "vie": "vi", "zho": "zh",
}  # fmt: skip
_NAMES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "finnish": "fi",
    "french": "fr", "german": "de", "greek": "el", "hausa": "ha", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "polish": "pl",
    "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swahili": "sw", "swedish": "sv",
    "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip


def language_code(text: str) -> str | None:
    """Return the ISO 639 code of a language, None where the text is neither a code nor a name we know.

    The code of two letters is taken where there is one; a region is left off.

    Examples
    --------
    >>> [language_code(text) for text in ("EN", "English", "eng", "pt-BR", "und", "sw")]
    ['en', 'en', 'en', 'pt', 'und', 'sw']
    >>> language_code("50"), language_code("español")
    (None, None)
    """
    plain = text.strip().lower().replace("_", "-")
    if plain in _NAMES:
        return _NAMES[plain]
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", plain):
        return None
    code = plain.split("-")[0]
    return _THREE_LETTERS.get(code, code)
