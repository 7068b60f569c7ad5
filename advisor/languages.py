"""Languages as people name them: by code, or by their English names."""

from __future__ import annotations

import re

from probes.errors import SettingError

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


def language_codes(said: object) -> object:
    """Return the codes of one or several languages with commas between them, each once; what is no text as it is.

    Raises
    ------
    SettingError
        Where a text names no language.

    Examples
    --------
    >>> language_codes("English, de"), language_codes(["de", "pt-BR", "deu"]), language_codes(False)
    ('en, de', 'de, pt', 'no')
    """
    parts = said if isinstance(said, list | tuple) else str(said).split(",") if isinstance(said, str) else [said]
    codes: list[str] = []
    for part in parts:
        if part is False:
            codes.append("no")  # YAML 1.1 reads the code of Norwegian as false
        elif not isinstance(part, str):
            return said
        elif part.strip():
            code = language_code(part)
            if code is None:
                raise SettingError(
                    f"language is {part.strip()!r}",
                    "Give an ISO 639 code, such as en, de, sw or zh; several with commas: en, de.",
                )
            codes.append(code)
    return ", ".join(dict.fromkeys(codes)) or None
