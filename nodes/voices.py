"""The voices that the Text to Speech node offers.

A fixed list, because asking espeak-ng takes a process, which importing the pack must not start; a test compares it
with the real one. Only what stands before the first blank matters, so bare codes such as `de` work from the API.
"""

VOICES = (
    "af · Afrikaans", "am · Amharic", "an · Aragonese", "ar · Arabic", "as · Assamese", "az · Azerbaijani",
    "ba · Bashkir", "be · Belarusian", "bg · Bulgarian", "bn · Bengali", "bpy · Bishnupriya Manipuri", "bs · Bosnian",
    "ca · Catalan", "ca-ba · Catalan (Balearic)", "ca-nw · Catalan (North-western)", "ca-va · Catalan (Valencian)",
    "chr-us-qaaa-x-west · Cherokee", "cmn · Chinese (Mandarin, latin as English)",
    "cmn-latn-pinyin · Chinese (Mandarin, latin as Pinyin)", "cs · Czech", "cv · Chuvash", "cy · Welsh",
    "da · Danish", "de · German", "el · Greek", "en-029 · English (Caribbean)", "en-gb · English (Great Britain)",
    "en-gb-scotland · English (Scotland)", "en-gb-x-gbclan · English (Lancaster)",
    "en-gb-x-gbcwmd · English (West Midlands)", "en-gb-x-rp · English (Received Pronunciation)",
    "en-shaw · English (Shavian alphabet)", "en-us · English (America)",
    "en-us-nyc · English (America, New York City)", "eo · Esperanto", "es · Spanish (Spain)",
    "es-419 · Spanish (Latin America)", "et · Estonian", "eu · Basque", "fa · Persian",
    "fa-latn · Persian (Pinglish)", "fi · Finnish", "fr-be · French (Belgium)", "fr-ch · French (Switzerland)",
    "fr-fr · French (France)", "ga · Gaelic (Irish)", "gd · Gaelic (Scottish)", "gn · Guarani",
    "grc · Greek (Ancient)", "gu · Gujarati", "hak · Hakka Chinese", "haw · Hawaiian", "he · Hebrew", "hi · Hindi",
    "hr · Croatian", "ht · Haitian Creole", "hu · Hungarian", "hy · Armenian (East Armenia)",
    "hyw · Armenian (West Armenia)", "ia · Interlingua", "id · Indonesian", "io · Ido", "is · Icelandic",
    "it · Italian", "ja · Japanese", "jbo · Lojban", "ka · Georgian", "kk · Kazakh", "kl · Greenlandic",
    "kn · Kannada", "ko · Korean", "kok · Konkani", "ku · Kurdish", "ky · Kyrgyz", "la · Latin", "lb · Luxembourgish",
    "lfn · Lingua Franca Nova", "lt · Lithuanian", "ltg · Latgalian", "lv · Latvian", "mi · Māori", "mk · Macedonian",
    "ml · Malayalam", "mr · Marathi", "ms · Malay", "mt · Maltese", "mto · Totontepec Mixe", "my · Myanmar (Burmese)",
    "nb · Norwegian Bokmål", "nci · Nahuatl (Classical)", "ne · Nepali", "nl · Dutch", "nog · Nogai", "om · Oromo",
    "or · Oriya", "pa · Punjabi", "pap · Papiamento", "piqd · Klingon", "pl · Polish", "pt · Portuguese (Portugal)",
    "pt-br · Portuguese (Brazil)", "py · Pyash", "qdb · Lang Belta", "qu · Quechua", "quc · K'iche'", "qya · Quenya",
    "ro · Romanian", "ru · Russian", "ru-cl · Russian (Classic)", "ru-lv · Russian (Latvia)", "sd · Sindhi",
    "shn · Shan (Tai Yai)", "si · Sinhala", "sjn · Sindarin", "sk · Slovak", "sl · Slovenian", "smj · Lule Saami",
    "sq · Albanian", "sr · Serbian", "sv · Swedish", "sw · Swahili", "ta · Tamil", "te · Telugu", "th · Thai",
    "ti · Tigrinya", "tk · Turkmen", "tn · Setswana", "tr · Turkish", "tt · Tatar", "ug · Uyghur", "uk · Ukrainian",
    "ur · Urdu", "uz · Uzbek", "vi · Vietnamese (Northern)", "vi-vn-x-central · Vietnamese (Central)",
    "vi-vn-x-south · Vietnamese (Southern)", "yue · Chinese (Cantonese)",
    "yue-latn-jyutping · Chinese (Cantonese, latin as Jyutping)",
)  # fmt: skip
"""Every language and accent of espeak-ng 1.52."""

OWN_TIMBRE = "voice's own"

TIMBRES = (
    OWN_TIMBRE,
    "f1 · woman", "f2 · woman", "f3 · woman", "f4 · woman", "f5 · woman",
    "m1 · man", "m2 · man", "m3 · man", "m4 · man", "m5 · man", "m6 · man", "m7 · man", "m8 · man",
    "grandma · old woman", "grandpa · old man", "whisperf · whispering woman", "whisper · whispering man",
    "croak · hoarse man",
)  # fmt: skip
"""The variants that sound like people."""


def espeak_voice(voice: str, timbre: str) -> str:
    """espeak-ng's name for two choices of the lists above: `de+f3`."""
    code = voice.partition(" ")[0]
    return code if timbre == OWN_TIMBRE else f"{code}+{timbre.partition(' ')[0]}"
