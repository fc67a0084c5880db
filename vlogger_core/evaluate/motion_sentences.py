"""The sentences that the motion model is tested on, written for the test and full of closed lips.

The training corpus speaks random words (`data.sentences`), so none of these is in it; the voices that say them are
held out as well (`data.voices.HELD_OUT_TIMBRES`, flite's slt).
"""

ESPEAK_STREAMS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("en-us", "Bob put the lamp back on top of the map, and nobody bumped it."),
        ("en-us", "My mother bought a big pot of plum jam from the farm by the pond."),
        ("en-us", "Do you want to move the piano before the movers come?"),
    ),
    (
        ("en-us", "We were all very worried about the weather over the weekend."),
        ("en-us", "Pop music makes Pam happy, but the baby prefers a bumpy bus."),
        ("de", "Am Abend haben wir im Park Pommes und warme Bratäpfel gegessen."),
    ),
    (
        ("en-us", "Five brave women drove a van full of vegetables through the fog."),
        ("en-us", "Maybe my boy will jump into the deep pool from the wooden board."),
        ("es", "Mi abuela compró pan blanco y un poco de miel para mi primo Pablo."),
    ),
    (
        ("en-us", "Please remember to bump up the volume when the bell begins to boom."),
        ("en-us", "Who would bring a whole box of books to a boat?"),
        ("fr-fr", "Papa prépare une bonne soupe aux pommes pour ma petite maman."),
    ),
    (
        ("en-us", "A number of people from Memphis came by plane to meet my mom."),
        ("en-us", "The chimp swapped a bamboo stump for an empty pepper pot."),
        ("it", "Mamma prepara sempre un buon piatto di pomodori per il babbo."),
    ),
    (
        ("en-us", "Few of them ever heard the waves move over the old harbour wall."),
        ("en-us", "Tom's bubble popped, so Bobby blew a bigger one."),
        ("pl", "Babcia Maria piecze pyszny makowiec, a pies pilnuje bramy."),
    ),
    (
        ("en-us", "Stop! The tram to the museum is coming up the bumpy lane."),
        ("en-us", "I am going to phone my best friend about the purple umbrella."),
        ("pt-br", "Meu pai comprou um bom pão e uma maçã bem bonita para mim."),
    ),
    (
        ("en-us", "If you hope to win, push both buttons and move before the beep."),
        ("en-us", "Warm bread, smoked ham, a pear and a cup of milk: what a meal!"),
        ("tr", "Babam bu sabah pembe bir bisikletle pazara gitti, bana elma aldı."),
    ),
    (
        ("en-us", "Mumbling makes it hard to know whom the company may employ."),
        ("en-us", "Above the village, clouds of vapour float over a frozen river."),
        ("id", "Ibu membeli pisang, bambu, dan sepuluh mangkuk bubur di pasar pagi."),
    ),
    (
        ("en-us", "Obviously, Abby's problem is a simple bump on the map, not a bomb."),
        ("en-us", "Peter may pay for the amber beads on Monday, or maybe in November."),
        ("en-us", "Nine nice lions ran along the long lane until the sun went in."),
    ),
)  # fmt: skip
"""One speaker each: language and text of what is said."""

FLITE_SENTENCES: tuple[str, ...] = (
    "Mary keeps a small brown puppy in the barn behind her home.",
    "Perhaps the bus will stop beside the museum.",
    "My uncle bakes apple pie, plum cake, and pumpkin bread.",
    "Would you move your bag over to the window?",
    "Both boys jumped from the bridge into the deep blue water.",
    "A warm wind from the west blew over the empty beach.",
    "Bring me the map, a pen, and a piece of paper.",
    "Very few voters ever favoured the former governor.",
    "Mom made up my bed with a bright purple blanket.",
    "The lamp on top of the piano began to wobble.",
    "How many people came to the camp in September?",
    "We hope that Bob may pay for the broken pump.",
    "Simple problems may become big problems by and by.",
    "The old woman told a wonderful story about a wolf.",
    "Pick up the phone before the bell stops ringing.",
    "Baby monkeys climb up bamboo and tumble down again.",
    "Five of my friends drove the van off the road.",
    "Two empty cups and a teapot stood upon the table.",
    "I remember the smell of smoke and lemon soap.",
    "Maybe the company will publish a better number tomorrow.",
    "Her room above the shop was always full of music.",
    "Stamp both papers, Pam, and mail them to Boston.",
    "No one knew the way around the narrow northern island.",
    "Please jump over the puddle, Tim, or you will slip.",
)  # fmt: skip
"""What flite's slt says in the bundled test recording; four make one stream."""
