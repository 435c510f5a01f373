"""What people write, and the same written out by hand as one reads it aloud."""

# ruff: noqa: RUF001  (the typographic marks are the subject)

NUMBERS = [
    ("There are 3,497 of them.", "There are three thousand four hundred ninety-seven of them."),
    ("It grew to 1,234,567.", "It grew to one million two hundred thirty-four thousand five hundred sixty-seven."),
    ("Pi is about 3.14159.", "Pi is about three point one four one five nine."),
    ("It was -5 outside.", "It was minus five outside."),
    ("Agent 007 came first.", "Agent zero zero seven came first."),
    ("She has 0 regrets and 2 dogs.", "She has zero regrets and two dogs."),
    (
        "The code is 1234567890123456.",
        "The code is one two three four five six seven eight nine zero one two three four five six.",
    ),
    ("Read pages 12-15 again.", "Read pages twelve to fifteen again."),
    ("We need 10–15 people.", "We need ten to fifteen people."),
    ("They won 3-1 at home.", "They won three to one at home."),
    ("It is a 16:9 screen.", "It is a sixteen to nine screen."),
    ("It is 5x faster.", "It is five times faster."),
    ("More than 50+ people came.", "More than fifty plus people came."),
    ("About 10k people saw it.", "About ten thousand people saw it."),
    ("The 1st, 2nd and 23rd were late.", "The first, second and twenty-third were late."),
    ("Add 1/2 cup of sugar.", "Add one half cup of sugar."),
    ("It took 2 1/2 hours.", "It took two and a half hours."),
    ("About ¾ of them agreed.", "About three quarters of them agreed."),
    ("Open 24/7, rated 8/10.", "Open twenty-four seven, rated eight out of ten."),
    ("2 + 2 = 4 and 5 - 3 = 2.", "two plus two equals four and five minus three equals two."),
    ("The box is 3x4x5.", "The box is three by four by five."),
    ("COVID-19 and H2O.", "COVID-nineteen and H two O."),
    ("E = mc² and 10^6.", "E equals mc squared and ten to the power of six."),
    ("A 5-year-old won.", "A five-year-old won."),
]

MONEY = [
    ("It costs $5.50 today.", "It costs five dollars and fifty cents today."),
    ("That is $1 or $0.99.", "That is one dollar or ninety-nine cents."),
    ("They raised $1.2 million.", "They raised one point two million dollars."),
    ("A £3bn plan.", "A three billion pounds plan."),
    ("A $1.5-million home at $20/hr.", "A one point five million dollars home at twenty dollars per hour."),
    ("In Bonn it is €12,50.", "In Bonn it is twelve euros and fifty cents."),
    ("Pay 20 € or €20.", "Pay twenty euros or twenty euros."),
    ("It is $5-10 each.", "It is five to ten dollars each."),
    ("Send 50 USD now.", "Send fifty U S dollars now."),
    ("Just ¥500 and 50¢.", "Just five hundred yen and fifty cents."),
    ("He lost -$20.", "He lost minus twenty dollars."),
    ("It was £1,234.56 in all.", "It was one thousand two hundred thirty-four pounds and fifty-six pence in all."),
]

DATES = [
    ("Born on 2024-05-17.", "Born on May seventeenth, twenty twenty-four."),
    ("Due 12/25/2023 at noon.", "Due December twenty-fifth, twenty twenty-three at noon."),
    ("On May 17, 2024 we met.", "On May seventeenth, twenty twenty-four we met."),
    ("On 5 May 2024 we met.", "On the fifth of May twenty twenty-four we met."),
    ("See you Jan. 5th.", "See you January fifth."),
    ("In June 1999 it rained.", "In June nineteen ninety-nine it rained."),
    ("It began in 1850 and ended in 1905.", "It began in eighteen fifty and ended in nineteen oh five."),
    ("The 1990s and the '80s.", "The nineteen nineties and the eighties."),
    ("From 1939–1945.", "From nineteen thirty-nine to nineteen forty-five."),
    ("In 2005 and 2010.", "In two thousand five and twenty ten."),
    ("We meet at 10:30 a.m. there.", "We meet at ten thirty A M there."),
    ("Come at 5pm or 17:05.", "Come at five P M or seventeen oh five."),
    ("St. Patrick's Day is Mar. 17.", "Saint Patrick's Day is March seventeenth."),
    ("Mon-Fri 9–5pm.", "Monday to Friday nine to five P M."),
    ("Lunch is at 12:00.", "Lunch is at twelve o'clock."),
    ("Open 9am-5pm.", "Open nine A M to five P M."),
]

MEASURES = [
    ("It is 5km away.", "It is five kilometers away."),
    ("At 70 mph it shakes.", "At seventy miles per hour it shakes."),
    ("It was 20°C and -5 °F.", "It was twenty degrees Celsius and minus five degrees Fahrenheit."),
    ("It has 16GB and 3.5GHz.", "It has sixteen gigabytes and three point five gigahertz."),
    ("It weighs 1 kg, not 10 kg.", "It weighs one kilogram, not ten kilograms."),
    ("The room has 25 m².", "The room has twenty-five square meters."),
    ("Up 5% or 3.5 %.", "Up five percent or three point five percent."),
    ("Between 5–10% less.", "Between five to ten percent less."),
    ("He is 5'11\" tall.", "He is five foot eleven tall."),
]

NAMES = [
    ("Dr. Smith met Mrs. Jones.", "Doctor Smith met Missus Jones."),
    ("He lives on Elm St. in Dover.", "He lives on Elm Street in Dover."),
    ("St. Paul was there.", "Saint Paul was there."),
    ("Mr. and Mrs. Smith at 221B Baker St.", "Mister and Missus Smith at two hundred twenty-one B Baker Street."),
    ("See Rm. 402, p. 9.", "See room four hundred two, page nine."),
    ("Ask Acme Inc. about it.", "Ask Acme Incorporated about it."),
    ("Take No. 5, see fig. 3.", "Take number five, see figure three."),
    ("Pens, paper, etc. are here.", "Pens, paper, et cetera are here."),
    ("Fruit, e.g. apples, i.e. food.", "Fruit, for example apples, that is food."),
    ("Cats vs. dogs.", "Cats versus dogs."),
    ("The U.S. Army left.", "The U S Army left."),
    ("Henry VIII had six wives.", "Henry the eighth had six wives."),
    ("World War II ended.", "World War two ended."),
    ("Read Chapter IV and Act III.", "Read Chapter four and Act three."),
    ("Elizabeth II's reign.", "Elizabeth the second's reign."),
    ("Henry I think is right.", "Henry I think is right."),
]

ADDRESSES = [
    ("Call 555-123-4567 now.", "Call five five five, one two three, four five six seven now."),
    ("Ring +44 20 7946 0958.", "Ring plus four four, two zero, seven nine four six, zero nine five eight."),
    ("Mail jane.doe@example.com today.", "Mail jane dot doe at example dot com today."),
    ("See https://example.com/docs now.", "See example dot com slash docs now."),
    ("Go to example.org.", "Go to example dot org."),
    ("We use v2.0.1 now.", "We use version two point zero point one now."),
    ("Ping 192.168.1.1.", "Ping one nine two dot one six eight dot one dot one."),
    ("Open C:\\docs\\main.py now.", "Open C colon backslash docs backslash main dot py now."),
    ("Open main.py first.", "Open main dot py first."),
]

SIGNS = [
    ("Salt & pepper.", "Salt and pepper."),
    ("AT&T and R&D.", "AT and T and R and D."),
    ("C# and C++ and/or Go.", "C sharp and C plus plus and or Go."),
    ("A #MondayMood for you.", "A hashtag Monday Mood for you."),
    ("I love it 😂😂.", "I love it face with tears of joy."),
    ("So cool 👍🏽!", "So cool thumbs up!"),
    ("It is ~5 or ±2.", "It is about five or plus or minus two."),
]

MARKDOWN = [
    ("**Bold** and *soft* and `code`.", "Bold and soft and code."),
    ('Read [the docs](https://example.com "Docs") now.', "Read the docs now."),
    ("![A cat](cat.png) sleeps.", "A cat sleeps."),
    ("<b>Loud</b> &amp; clear.", "Loud and clear."),
]

WRITTEN = [*NUMBERS, *MONEY, *DATES, *MEASURES, *NAMES, *ADDRESSES, *SIGNS, *MARKDOWN]
"""(written, read aloud), in American English."""

ABROAD = [
    ("de-DE", "Es kostet 21 Euro.", "Es kostet einundzwanzig Euro."),
    ("de-DE", "Etwa 1.234,5 oder 5 %.", "Etwa eintausendzweihundertvierunddreißig Komma fünf oder fünf Prozent."),
    ("fr-FR", "Il a 80 ans et 99 €.", "Il a quatre-vingts ans et quatre-vingt-dix-neuf euros."),
    ("es-ES", "Tengo 3 perros.", "Tengo tres perros."),
    ("it-IT", "Ho 3.000 libri.", "Ho tremila libri."),
    ("pt-BR", "São 16 livros.", "São dezesseis livros."),
    ("en-GB", "Due 5/4/2024.", "Due April fifth, twenty twenty-four."),
    ("hi-IN", "मेरे पास 5 किताबें हैं।", "मेरे पास 5 किताबें हैं।"),
]
"""(language, written, read aloud)."""
