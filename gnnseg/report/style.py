"""How the page looks: one style sheet, light and dark, from a telephone to a wide screen.

No fonts are fetched.
"""

COLOURS = """
:root{color-scheme:light dark;--bg:#f6f6f3;--card:#fff;--ink:#1c1d21;--soft:#5d606b;--line:#e2e2dc;--accent:#2f6fdd;
--accent2:#d9772b;--accent3:#3a9a62;--warn-bg:#fff4dc;--warn:#7a4b00;--l:.6;--hair:#ecece6;--neg:#c2504a}
@media(prefers-color-scheme:dark){:root{--bg:#131418;--card:#1c1e24;--ink:#e9e9ec;--soft:#a0a4b0;--line:#2e313a;
--accent:#7aa7ff;--accent2:#f0a263;--accent3:#6fcf97;--warn-bg:#3a2e14;--warn:#ffd98a;--l:.64;--hair:#282b33;
--neg:#e98680}}
"""

MARKS = """
svg text{font-size:11px;fill:var(--soft);text-anchor:middle}
svg text.y{text-anchor:end}
.gridline,svg .grid{stroke:var(--hair);stroke-width:1}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .line.c0{stroke:var(--accent)}svg .line.c1{stroke:var(--accent2)}svg .line.c2{stroke:var(--accent3)}
svg .dot.c0{fill:var(--accent)}svg .dot.c1{fill:var(--accent2)}svg .dot.c2{fill:var(--accent3)}
svg .mark{stroke:var(--soft);stroke-dasharray:3 4}
svg .marked{fill:var(--card);stroke:var(--accent);stroke-width:2}
svg .col{fill:var(--accent)}
svg .level{stroke:var(--soft);stroke-dasharray:1 3}
svg .whisker{stroke:var(--accent);stroke-width:1.4}
"""  # what plots are made of

CSS = (
    COLOURS
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:clamp(1.5rem,3.4vw,2.1rem);line-height:1.2;margin:.1em 0 .3em;letter-spacing:-.015em;text-wrap:balance}
h2{font-size:1.2rem;margin:2.4em 0 .2em;letter-spacing:-.01em}
h3{font-size:.95rem;margin:0 0 .5em}
p{margin:.3em 0 .9em;max-width:75ch}
.soft,figcaption,.lead{color:var(--soft)}
.lead{font-size:1rem}
.eyebrow{font-size:.78rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);overflow-wrap:anywhere}
.grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr))}
.cards{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr))}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px;margin:0;
min-width:0}
figure{padding:14px 14px 10px}
.wide{margin-bottom:14px;overflow-x:auto}
.wide svg{min-width:680px}
.half{max-width:560px}
figcaption{font-size:.86rem;margin:.2em 4px 0}
.kpis{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));margin:20px 0 6px}
.kpi{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px}
.kpi b{display:block;font-size:1.7rem;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.kpi span{font-size:.84rem;color:var(--soft);display:block;line-height:1.35}
.warning{background:var(--warn-bg);color:var(--warn);border-radius:10px;padding:10px 16px;margin:14px 0;font-weight:550}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:6px 4px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--hair)}
tr:last-child td{border-bottom:0}
th{font-weight:550;color:var(--soft);font-size:.84rem}
th:first-child,td:first-child{text-align:left}
td.best{font-weight:650}
tr.own td:first-child{font-weight:650}
svg{width:100%;height:auto;display:block;overflow:visible}
"""
    + MARKS
    + """
svg .seg,.bar i,.part,.dot{--c:oklch(var(--l) .13 var(--h))}
svg .seg{fill:var(--c)}
svg .tick{stroke:var(--ink);stroke-width:1.6}
.key{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:.84rem;color:var(--soft);margin:0 4px 6px}
.key i{display:inline-block;width:14px;height:3px;border-radius:2px;margin:0 6px 3px 0}
.key .k0{background:var(--accent)}.key .k1{background:var(--accent2)}.key .k2{background:var(--accent3)}
.dot{display:inline-block;width:.75em;height:.75em;border-radius:50%;background:var(--c);margin-right:.45em;flex:none}
.seghead{display:flex;align-items:baseline;justify-content:space-between;gap:10px;margin-bottom:8px}
.seghead h3{margin:0;font-size:1.02rem}
.seghead span{font-size:.84rem;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
.items{list-style:none;margin:0;padding:0}
.items li{display:grid;grid-template-columns:minmax(0,1fr) 64px 3.6em;gap:10px;align-items:center;padding:2.5px 0}
.items .n{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.items .v{text-align:right;font-variant-numeric:tabular-nums;color:var(--soft);font-size:.88rem}
.bar{height:6px;border-radius:3px;background:var(--hair);overflow:hidden}
.bar i{display:block;height:100%;background:var(--c);border-radius:3px}
.who{font-size:.9rem;margin:0 0 .6em;line-height:1.45}
.weights td:first-child{max-width:22em;overflow:hidden;text-overflow:ellipsis}
.pair{grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr))}
.beyond{border-top:1px solid var(--hair);margin:10px 0 0;padding-top:8px;font-size:.86rem;color:var(--soft)}
.rec{padding:7px 0;border-top:1px solid var(--hair)}
.rec:first-of-type{border-top:0}
.rec .t{display:flex;gap:10px;justify-content:space-between;align-items:baseline}
.rec .t .n{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.rec .t span:last-child{color:var(--soft);font-size:.84rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.stack{display:flex;height:20px;border-radius:5px;overflow:hidden;background:var(--hair);margin-top:4px}
.part{background:var(--c);color:#fff;font-size:.72rem;line-height:20px;text-align:center;text-decoration:none;
overflow:hidden;white-space:nowrap;min-width:0;text-shadow:0 0 3px #0008}
.part+.part{border-left:1px solid var(--card)}
.part.rest{background:#8a8d96}
.part.habit{background:#5d6470;color:#fff}
.signed{display:grid;grid-template-columns:1fr 1fr;margin-top:4px}
.signed .stack{margin:0;border-radius:0 5px 5px 0;background:none}
.signed .stack.minus{flex-direction:row-reverse;border-radius:5px 0 0 5px;border-right:1px solid var(--soft)}
.in{font-size:.84rem;color:var(--soft);margin:-.3em 0 .5em}
.two{font-size:.84rem;color:var(--soft);margin-top:3px}
details{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px 16px;margin:10px 0}
summary{cursor:pointer;font-weight:550}
pre{overflow-x:auto;font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;margin:.8em 0 .2em}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 18px;margin:.8em 0 .2em;font-size:.92rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media(max-width:520px){dl{grid-template-columns:1fr}dd{margin-bottom:6px}main{padding:18px 12px 40px}}
@media print{body{background:#fff}.card,figure,details{break-inside:avoid}}
"""
)
