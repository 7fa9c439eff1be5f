/** The page's only style: light or dark as the reader's screen is, from a phone's width up. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6877; --line: #d9dee5; --card: #fff; --ground: #f4f6f8;
  --bar: #2368b5; --warn: #a15c00; --full: #c0342b }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #333d49; --card: #1a2029; --ground: #11161c;
    --bar: #5fa3ea; --warn: #e0a040; --full: #ef7068 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft); margin: 0 }
h2 { font-size: .95rem; margin: 0 0 .5rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem; margin-top: 1rem }
.sum { font-size: 2.4rem; line-height: 1.2; font-weight: 700; margin: .1rem 0 }
.soft { color: var(--soft) }
.warn { color: var(--warn) }
p { margin: .25rem 0 }
svg { display: block; width: 100%; height: auto }
.wide { display: none }
@media (min-width: 40rem) { .wide { display: block } .narrow { display: none } }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { font-weight: 500; font-size: .8rem; color: var(--soft); text-align: left }
th, td { padding: .3rem 0 .3rem .75rem; border-top: 1px solid var(--line); vertical-align: top }
tr:first-child th { border-top: 0 }
th:first-child, td:first-child { padding-left: 0; overflow-wrap: anywhere }
th:not(:first-child), td:not(:first-child) { text-align: right }
.track { display: block; width: 100%; height: .5rem; border-radius: .25rem; background: var(--line); overflow: hidden }
.track i { display: block; height: 100%; background: var(--bar) }
.track i.near { background: var(--warn) }
.track i.full { background: var(--full) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem }
.facts b { display: block; font-size: 1.25rem }
.rows > div { border-top: 1px solid var(--line); padding: .5rem 0 }
.rows > div:first-of-type { border-top: 0 }
.between { display: flex; justify-content: space-between; gap: 1rem }
`
