import { PICTURE_STYLE } from './picture-style.ts'

/** Constant: nothing that comes from a result may stand in a style sheet. */
export const PAGE_STYLE = `${PICTURE_STYLE}
:root{--page:#f5f7f8;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--page:#0c1317}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:1180px;margin:0 auto;padding:40px 20px 72px}
.over{margin:0 0 6px;font-size:13px;letter-spacing:.04em;color:var(--soft)}
h1{font-size:clamp(27px,4.6vw,42px);line-height:1.12;letter-spacing:-.02em;margin:0 0 16px;font-weight:700;max-width:21em}
.finding{font-size:clamp(17px,2.1vw,20px);line-height:1.5;margin:0 0 26px;max-width:44em}
.finding b{color:var(--accent)}
h2{font-size:22px;letter-spacing:-.01em;margin:0 0 4px}h3{font-size:15px;margin:18px 0 6px}
p{margin:0 0 12px;max-width:46em}.note{color:var(--soft);font-size:14px}
section{background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:22px 24px;margin:0 0 18px}
section>p{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(168px,1fr));gap:12px;margin:0 0 18px}
.tile{background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:14px 16px}
.tile b{display:block;font-size:27px;line-height:1.15;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile span{display:block;font-size:13px;line-height:1.35;color:var(--soft);margin-top:4px}
.pair{display:flex;flex-wrap:wrap;gap:22px 24px;align-items:flex-start}.pair>figure{flex:0 1 auto;min-width:0;max-width:100%}
figure{margin:14px 0 4px}figcaption{font-size:14px;font-weight:650;margin:0 0 8px}
.wide{overflow-x:auto;max-width:100%}.wide svg{display:block;max-width:none}
@media (max-width:640px){.wide svg{height:auto;width:max(100%,calc(var(--w)*.7))}}
td.reason{white-space:normal;color:var(--accent);padding-left:0}
details{margin:8px 0 0;font-size:14px}summary{cursor:pointer;color:var(--soft);padding:4px 0}
summary:hover{color:var(--ink)}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:6px 0 10px}
th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--soft)}.words{text-align:left}td:first-child,th:first-child{padding-left:0}
td s{color:var(--faint)}
.goals{list-style:none;margin:14px 0 0;padding:0}
.goals li{display:grid;grid-template-columns:7.5em 1fr;gap:4px 14px;padding:8px 0;border-bottom:1px solid var(--line);align-items:baseline}
.goals li:last-child{border:0}.goals b{font-variant-numeric:tabular-nums}.goals .met::before{content:"✓ ";color:var(--etcd)}
.goals .missed::before{content:"✗ ";color:var(--accent)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;font-size:14px;margin:10px 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
ul.plain{padding-left:1.2em;margin:6px 0 12px;max-width:46em}ul.plain li{margin:3px 0}
footer{color:var(--soft);font-size:13px;padding:8px 4px}
@media (max-width:640px){main{padding:24px 8px 48px}section{padding:14px 10px}header{padding:0 4px}dl{grid-template-columns:1fr;gap:0}
dd{margin:0 0 8px}.goals li{grid-template-columns:1fr}}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
`
