"""Sentences to be spoken: word lists in several languages, and words that mean nothing.

Sense does not matter here; the mix of sounds does. Invented words keep the model from learning a vocabulary and hold
many of the sounds that show (p, b, m, f, v, w, o, u).
"""

from __future__ import annotations

import numpy as np

WORDS: dict[str, str] = {
    "en-us": (
        "the a my your some people maybe happy apple problem member baby bubble mother number summer remember paper "
        "people simple temple camp jump lamp stamp map top keep sleep ship cup hope open over even seven river very "
        "voice video first five life leaf off coffee different before after fish family water window wonder always "
        "world wood would good food blue moon through who you move room school slow go home phone boat both road "
        "show she shoe wish machine change church choose job large jump year yellow yes see this that those thing "
        "think three teeth mouth bath said saw last next street strong try train light late little all well tell "
        "call cold old car hard start heart dark father can hand man back bad black cat king green great eight day "
        "way make take time mine fine right night five bite boy toy point house now down out about hear near fear "
        "there where care bird word work turn learn and or but if when because so not is was are were have had will"
    ),
    "de": (
        "der die das ein eine mein Baum Apfel Mutter Vater Problem Sommer immer beben Pumpe Lampe Kopf Topf oft auf "
        "fünf vier viel voll Wasser Wein wohl weil warum Woche Buch gut Mut rufen Schule Schuh schön schon über Tür "
        "Mühle böse hören groß rot so oben Ofen machen lachen ich nicht Licht Kirche Zeit Zahl sieben sehen lesen "
        "Tag Nacht Katze Hund Stadt Straße springen bleiben geben haben kommen müssen können heute Leute Freund neu "
        "Haus Maus blau Ei klein Stein Brei und oder aber wenn denn weil wir ihr sie bitte danke morgen Abend Morgen"
    ),
    "fr-fr": (
        "le la les un une mon papa maman pomme petit beau belle bébé bonbon parle pomper ombre chambre jambe femme "
        "homme fleuve feu vous veux vivre voiture vent neuf oeuf oui loup rouge rue lune plume tout jour soupe chat "
        "chaud chose cheval jamais jardin mange gâteau eau beaucoup bateau moi toi trois voix poisson bon pont long "
        "vin pain matin main temps enfant blanc rien bien hier famille soleil fille école ami livre table porte mer "
        "et ou mais si quand parce que avec pour sans dans sur nous ils elle merci bonjour demain aujourd'hui"
    ),
    "es": (
        "el la los un una mi pan papá mamá bebé bomba pueblo problema sombra siempre tiempo mapa copa vivo verde voy "
        "vamos fuego favor flor feliz agua huevo bueno nuevo luna mucho mundo uno azul ojo hoja rojo año niño mañana "
        "noche leche muchacho chico calle llave lluvia perro carro tierra rey río casa mesa silla libro puerta todo "
        "todos cosa poco gato siete cielo cinco zapato gracias hermano amigo y o pero si cuando porque con sin sobre"
    ),
    "it": (
        "il la un una mio padre mamma babbo bambino pomodoro problema sempre tempo campo bello bravo vivo vino verde "
        "via vuole fuoco favore famiglia figlio uovo uomo buono nuovo luna tutto gusto occhio orecchio cielo ciao "
        "dolce pace chiesa che perché gatto lago giorno oggi gente acqua quando questo casa cosa notte sette zucchero "
        "pezzo sole stella strada scuola pesce sciare gnocchi ogni bagno e o ma se con per tra sopra molto poco"
    ),
    "pt-br": (
        "o a os um uma meu pai mãe bebê bomba problema sempre tempo campo povo sombra maçã mapa vida você voz verde "
        "vamos fogo favor feliz família água ovo bom novo lua muito mundo azul olho filho folha rua roupa pouco ouro "
        "hoje noite leite chuva chave jogo gente longe peixe caixa casa mesa livro porta sete cidade coração não pão"
    ),
    "pl": (
        "mama tata pies mapa zupa problem zawsze woda wiem wiele wiosna brat baba bomba chleb kobieta oko okno ucho "
        "ulica dom mój twój może morze rzeka życie szkoła szybko czas człowiek dziś dziecko jeść jutro jest ja ty on "
        "rano noc miasto las ptak ryba mleko masło pan pani proszę dziękuję lato zima i albo ale kiedy bo z bez na"
    ),
    "tr": (
        "bir bu anne baba bebek bambu pamuk problem zaman kapı köprü kitap çocuk çiçek güzel gün göz gül söz süt üç "
        "dört beş altı yedi sekiz mavi yeşil yol yok var ev el su şu şimdi şehir okul oda orman um umut mutlu büyük "
        "küçük pembe ve ama veya çok az iyi kötü sabah akşam araba vapur yağmur deniz dağ bahçe elma armut"
    ),
    "id": (
        "saya kamu dia ibu bapak bambu papan mobil malam pagi lampu kompas problem buku baju baru api air mata mulut "
        "muka bulan bumi buah pisang apel nasi ikan susu gula kopi teh rumah pintu jalan jauh dekat besar kecil satu "
        "dua tiga empat lima enam tujuh delapan dan atau tetapi kalau karena dengan untuk dari ke di ini itu sudah"
    ),
}  # fmt: skip
"""Words by espeak language."""

_ONSETS = (
    "p", "b", "m", "p", "b", "m", "f", "v", "w", "t", "d", "n", "s", "k", "g", "l", "r", "sh", "ch", "j", "h", "y",
    "th", "pl", "br", "fl", "tr", "sm",
)  # fmt: skip
_NUCLEI = (
    "a", "e", "i", "o", "u", "oo", "ee", "ai", "ou", "oa", "ar", "or",
)  # fmt: skip
_CODAS = (
    "p", "b", "m", "n", "s", "t", "k", "l", "f", "v", "sh", "m", "p",
)  # fmt: skip


def invented_word(rng: np.random.Generator) -> str:
    """One to three syllables in English spelling."""
    word = ""
    for _ in range(rng.integers(1, 4)):
        word += str(rng.choice(_ONSETS)) + str(rng.choice(_NUCLEI))
        if rng.random() < 0.35:
            word += str(rng.choice(_CODAS))
    return word


def sentence(language: str, rng: np.random.Generator) -> str:
    """Four to fourteen words with commas and a final mark; a question in one of six."""
    vocabulary = WORDS[language].split()
    invented = 0.8 if rng.random() < 0.15 else 0.1
    words = [
        invented_word(rng) if rng.random() < invented else str(rng.choice(vocabulary))
        for _ in range(rng.integers(4, 15))
    ]
    for i in range(3, len(words) - 2):
        if rng.random() < 0.10:
            words[i] += ","
    text = " ".join(words)
    return text[0].upper() + text[1:] + str(rng.choice([".", "!", "?"], p=[0.70, 0.13, 0.17]))
