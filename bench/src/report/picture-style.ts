/**
 * What pictures need, in the page and alone. Categories are told apart by lightness and, for emulation, by hatching as
 * well: hue is never the only difference.
 */
export const PICTURE_STYLE = `
:root{--surface:#fff;--ink:#14232d;--soft:#55656f;--faint:#8a98a1;--line:#dde4e8;--accent:#b8500b;--land:#e6ebed;
--light:#0b4f87;--path:#7db7dd;--fsync:#8a6d00;--etcd:#00846a;--meridian:#d95f0e;--emulation:#8f989e}
@media (prefers-color-scheme:dark){:root{--surface:#131c22;--ink:#e8eef1;--soft:#a5b4bd;--faint:#72838d;--line:#2a3841;
--accent:#f79a4b;--land:#22303a;--light:#5aa9e6;--path:#2b618c;--fsync:#e3c341;--etcd:#2fb594;--meridian:#ff8a3c;
--emulation:#7f8b92}}
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;font-size:13px;fill:var(--ink);
font-variant-numeric:tabular-nums}
svg .soft{fill:var(--soft)}svg .small{font-size:11px}svg .big{font-size:16px;font-weight:600}svg .bold{font-weight:650}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}svg .accent{fill:var(--accent)}svg .struck{text-decoration:line-through}
svg .heat{fill:var(--l)}svg .heat-text{fill:var(--lt)}
@media (prefers-color-scheme:dark){svg .heat{fill:var(--d)}svg .heat-text{fill:var(--dt)}}
svg .surface{fill:var(--surface)}svg .grid{stroke:var(--line);stroke-width:1;fill:none}
svg .axis{stroke:var(--faint);stroke-width:1;fill:none}svg .goal{stroke:var(--accent);stroke-width:1.2;stroke-dasharray:5 4;fill:none}
svg .empty{fill:none;stroke:var(--line);stroke-width:1}svg .frame{fill:none;stroke:var(--accent);stroke-width:2.5}
svg .hatch-line{stroke:var(--faint);stroke-width:1.4}svg .hatch-back{fill:var(--surface)}
svg .light{fill:var(--light)}svg .path{fill:var(--path)}svg .fsync{fill:var(--fsync)}svg .etcd{fill:var(--etcd)}
svg .meridian{fill:var(--meridian)}svg .emulation{fill:var(--emulation)}
svg .part{stroke:var(--surface);stroke-width:1}svg .halo{paint-order:stroke;stroke:var(--surface);stroke-width:3.5px;stroke-linejoin:round}
svg .land{fill:var(--land)}svg .link{fill:none;stroke:var(--light);stroke-width:1.5;opacity:.6}
svg .link-best{fill:none;stroke:var(--accent);stroke-width:2}svg .dot{fill:var(--light);stroke:var(--surface);stroke-width:1.5}
svg .dot-best{fill:var(--accent);stroke:var(--surface);stroke-width:1.5}
svg .ring{fill:var(--surface);stroke:var(--etcd);stroke-width:1.8}svg .stem{stroke:var(--meridian);stroke-width:1.2;opacity:.55}
`.trim()
