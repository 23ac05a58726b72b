/** How the report looks: one column to read, one measure, two grounds. */
import { graphStyles } from './graph-svg.js';
import { stateStyles } from './state-marks.js';

export const pageStyle = (): string => `${STYLE.replaceAll(/\n\s*/g, '')}${graphStyles}${stateStyles()}`;

const STYLE = `
:root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#5c6370;--line:#8b929d;--edge:#dfe2e6;--tint:#f1f2f4;
  --link:#1a5fb4;--good:#15703a;--bad:#b3261e;--wait:#9a3f00;--added:#e4f5ea;--removed:#fbe7e5;--mark:var(--soft)}
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1b1f24;--ink:#e8eaed;--soft:#a3abb8;--line:#7d8590;--edge:#343a42;
  --tint:#23282e;--link:#7ab8ff;--good:#5fd38a;--bad:#ff8a80;--wait:#ffab70;--added:#12331f;--removed:#3d1d1b}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main,body>header,body>footer{max-width:68rem;margin:0 auto;padding:0 1.5rem}
body>header{padding-top:3rem}
body>footer{padding-top:2rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}
h1{margin:.25rem 0 1rem;font-size:1.9rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{margin:2.75rem 0 .75rem;font-size:1.15rem;font-weight:650}
h3,h4{display:inline;margin:0;font-size:1rem;font-weight:650}
p{margin:.4rem 0}
a{color:var(--link);text-underline-offset:.15em}
code,pre{font-family:ui-monospace,"Cascadia Mono","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.875em;overflow-wrap:anywhere}
time{color:var(--soft);font-variant-numeric:tabular-nums;margin-right:.75rem;font-weight:400;font-size:.875rem}
.eyebrow{margin:0;color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}
.badge{display:inline-block;padding:.05rem .6rem;border:1px solid;border-radius:1rem;color:var(--mark);font-size:.8125rem;font-weight:600;white-space:nowrap;line-height:1.5}
h1 .badge{font-size:.9rem;vertical-align:.35rem;letter-spacing:0;margin-left:.4rem}
dl.sums{display:flex;flex-wrap:wrap;gap:.75rem 2.25rem;margin:0;padding:1rem 0;border-top:1px solid var(--edge);border-bottom:1px solid var(--edge)}
dl.sums dt{color:var(--soft);font-size:.8125rem}
dl.sums dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}
dl.sums small{color:var(--soft);font-size:.8125rem;font-weight:400}
.note{color:var(--soft);font-size:.875rem}
ul.failed{margin:0;padding:0;list-style:none}
ul.failed li{padding:.6rem 0 .6rem .9rem;border-left:3px solid var(--mark);margin:.6rem 0}
.scroll{overflow-x:auto;border:1px solid var(--edge);border-radius:8px;background:var(--card)}
.pad{padding:1rem}
table{width:100%;border-collapse:collapse;font-size:.875rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.5rem .75rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--edge)}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody th{font-weight:600;white-space:nowrap}
td.title{min-width:14rem}
svg.timeline{display:block;width:100%;min-width:40rem;height:auto}
svg.timeline text{font-size:12px;fill:var(--ink)}
svg.timeline .when{fill:var(--soft);font-size:11px}
svg.timeline .tick{stroke:var(--edge)}
svg.timeline .life{stroke:var(--line);stroke-width:1.5;stroke-dasharray:1 4;stroke-linecap:round}
.out-succeeded{fill:var(--good);--mark:var(--good)}.out-failed{fill:var(--bad);--mark:var(--bad)}
.out-blocked{fill:var(--wait);--mark:var(--wait)}.out-proposed{fill:var(--link);--mark:var(--link)}
ul.key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.6rem 0 0;padding:0;list-style:none;color:var(--soft);font-size:.8125rem}
ul.key svg{width:1.6rem;height:.7rem;margin-right:.4rem;vertical-align:-.05rem}
svg.graph{display:block;max-width:none}
details.task{margin:.6rem 0;background:var(--card);border:1px solid var(--edge);border-radius:8px}
details.task>summary{padding:.7rem 1rem}
summary{cursor:pointer;border-radius:8px}
summary:focus-visible,a:focus-visible,pre:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
details.task>summary .title{margin:0 .5rem}
.story{padding:.25rem 1rem 1rem;border-top:1px solid var(--edge)}
.step{margin:.75rem 0}
.by{color:var(--soft);font-size:.8125rem}
.attempt{margin:1rem 0;padding:.1rem 0 .1rem 1rem;border-left:3px solid var(--mark)}
.attempt .outcome{font-weight:500;overflow-wrap:anywhere}
ul.facts{display:flex;flex-wrap:wrap;margin:.3rem 0 .6rem;padding:0;list-style:none;color:var(--soft);font-size:.875rem}
ul.facts li:not(:last-child)::after{content:"·";margin:0 .5rem}
details.text{margin:.35rem 0;border:1px solid var(--edge);border-radius:6px;font-size:.9rem}
details.text>summary{padding:.35rem .75rem}
details.text>.note{margin:.25rem .75rem .5rem}
.what{font-weight:550}.verdict{color:var(--mark);font-weight:600;font-size:.875rem}.size{color:var(--soft);font-size:.8125rem;margin-left:.4rem}
.stat{font-variant-numeric:tabular-nums;font-size:.875rem;font-weight:600}.stat .added{color:var(--good)}.stat .removed{color:var(--bad)}
pre{margin:0;padding:.75rem;max-height:32rem;overflow:auto;border-top:1px solid var(--edge);background:var(--tint);font-size:.8125rem;line-height:1.45;tab-size:4}
pre.diff span{display:block;margin:0 -.75rem;padding:0 .75rem;width:max-content;min-width:calc(100% + 1.5rem)}
pre.diff .added{background:var(--added)}pre.diff .removed{background:var(--removed)}
pre.diff .hunk{color:var(--link)}pre.diff .file{color:var(--soft);font-weight:600}
@media print{body{font-size:11pt}details.task{break-inside:avoid-page}pre{max-height:none}}
`;
