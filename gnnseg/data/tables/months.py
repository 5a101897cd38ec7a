"""Names of months in the languages of people's exports, in full and as they are cut short."""

from __future__ import annotations

import unicodedata

LANGUAGES = {  # a month's names are parted by '/', the first month comes first
    "English": "jan/january feb/february mar/march apr/april may jun/june jul/july aug/august "
    "sep/sept/september oct/october nov/november dec/december",
    "German": "jan/januar/jän/jänner feb/februar/feber/feb mär/märz/mrz apr/april mai jun/juni "
    "jul/juli aug/august sep/sept/september okt/oktober nov/november dez/dezember",
    "French": "janv/janvier févr/fév/février mars avr/avril mai juin juil/juillet août "
    "sept/septembre oct/octobre nov/novembre déc/décembre",
    "Spanish": "ene/enero feb/febrero mar/marzo abr/abril may/mayo jun/junio jul/julio ago/agosto "
    "sep/sept/set/septiembre/setiembre oct/octubre nov/noviembre dic/diciembre",
    "Italian": "gen/gennaio feb/febbraio mar/marzo apr/aprile mag/maggio giu/giugno lug/luglio "
    "ago/agosto set/settembre ott/ottobre nov/novembre dic/dicembre",
    "Portuguese": "jan/janeiro fev/fevereiro mar/março abr/abril mai/maio jun/junho jul/julho "
    "ago/agosto set/setembro out/outubro nov/novembro dez/dezembro",
    "Dutch": "jan/januari feb/februari mrt/maart apr/april mei jun/juni jul/juli aug/augustus "
    "sep/sept/september okt/oktober nov/november dec/december",
    "Nordic": "jan/januar/januari feb/februar/februari mar/mars/marts apr/april maj/mai "
    "jun/juni jul/juli aug/august/augusti sep/sept/september okt/oktober nov/november "
    "dec/des/december/desember",
    "Finnish": "tammi/tammikuu/tammikuuta helmi/helmikuu/helmikuuta maalis/maaliskuu/maaliskuuta "
    "huhti/huhtikuu/huhtikuuta touko/toukokuu/toukokuuta kesä/kesäkuu/kesäkuuta "
    "heinä/heinäkuu/heinäkuuta elo/elokuu/elokuuta syys/syyskuu/syyskuuta loka/lokakuu/lokakuuta "
    "marras/marraskuu/marraskuuta joulu/joulukuu/joulukuuta",
    "Polish": "sty/styczeń/stycznia lut/luty/lutego mar/marzec/marca kwi/kwiecień/kwietnia "
    "maj/maja cze/czerwiec/czerwca lip/lipiec/lipca sie/sierpień/sierpnia "
    "wrz/wrzesień/września paź/październik/października lis/listopad/listopada "
    "gru/grudzień/grudnia",
    "Czech": "led/leden/ledna úno/únor/února bře/březen/března dub/duben/dubna kvě/květen/května "
    "čvn/červen/června čvc/červenec/července srp/srpen/srpna zář/září říj/říjen/října "
    "lis/listopad/listopadu pro/prosinec/prosince",
    "Hungarian": "jan/január febr/február márc/március ápr/április máj/május jún/június "
    "júl/július aug/augusztus szept/szeptember okt/október nov/november dec/december",
    "Romanian": "ian/ianuarie feb/februarie mar/martie apr/aprilie mai iun/iunie iul/iulie "
    "aug/august sept/septembrie oct/octombrie noi/noiembrie dec/decembrie",
    "Turkish": "oca/ocak şub/şubat mar/mart nis/nisan may/mayıs haz/haziran tem/temmuz "
    "ağu/ağustos eyl/eylül eki/ekim kas/kasım ara/aralık",
    "Russian": "янв/январь/января фев/февр/февраль/февраля мар/март/марта апр/апрель/апреля "
    "май/мая июн/июнь/июня июл/июль/июля авг/август/августа сен/сент/сентябрь/сентября "
    "окт/октябрь/октября ноя/нояб/ноябрь/ноября дек/декабрь/декабря",
    "Ukrainian": "січ/січень/січня лют/лютий/лютого бер/березень/березня квіт/квітень/квітня "
    "трав/травень/травня черв/червень/червня лип/липень/липня серп/серпень/серпня "
    "вер/вересень/вересня жовт/жовтень/жовтня лист/листопад/листопада груд/грудень/грудня",
    "Greek": "ιαν/ιανουάριος/ιανουαρίου φεβ/φεβρουάριος/φεβρουαρίου μαρ/μάρτιος/μαρτίου "
    "απρ/απρίλιος/απριλίου μαΐ/μαι/μάιος/μαΐου ιουν/ιούνιος/ιουνίου ιουλ/ιούλιος/ιουλίου "
    "αυγ/αύγουστος/αυγούστου σεπ/σεπτ/σεπτέμβριος/σεπτεμβρίου οκτ/οκτώβριος/οκτωβρίου "
    "νοε/νοέμβριος/νοεμβρίου δεκ/δεκέμβριος/δεκεμβρίου",
    "Indonesian": "jan/januari feb/februari mar/maret apr/april mei jun/juni jul/juli "
    "agu/agt/agustus sep/september okt/oktober nov/november des/desember",
}


def _bare(word: str) -> str:
    """Return the word without its accents."""
    apart = unicodedata.normalize("NFD", word.replace("ı", "i"))
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _numbers() -> dict[str, int]:
    """Return each name in lower case, with accents, apart from them, and without."""
    found: dict[str, int] = {}
    for names in LANGUAGES.values():
        for number, month in enumerate(names.split(), 1):
            for word in month.split("/"):
                for form in (word, unicodedata.normalize("NFD", word), _bare(word)):
                    found.setdefault(form, number)
    return found


NUMBERS = _numbers()  # a month's name -> 1 to 12
