/** Style and script of the reference page: all there is, so that it needs nothing from elsewhere. */

export const STYLE = `
:root { color-scheme: light dark; --text: #1c2330; --soft: #5c6778; --line: #e1e6ee; --back: #fff; --panel: #f6f8fb; --accent: #2458d3 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e9f2; --soft: #98a4b8; --line: #2b3444; --back: #12161e; --panel: #1a202b; --accent: #86a8ff }
}
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1rem }
body { margin: 0; display: grid; grid-template-columns: 19rem minmax(0, 1fr); color: var(--text); background: var(--back);
  font: 15px/1.55 system-ui, sans-serif }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line); background: var(--panel) }
nav .brand { font-weight: 700; font-size: 1.2rem; color: inherit }
nav input { width: 100%; margin: 1rem 0 0; padding: .45rem .6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--back); color: inherit }
nav h4 { margin: 1.2rem 0 .3rem; font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft) }
nav .entry { display: block; padding: .12rem 0 .12rem 3.4rem; text-indent: -3.4rem; color: inherit; font-size: .9rem }
main { padding: 2rem 3rem; max-width: 62rem }
h2 { margin: 3rem 0 .5rem; padding-bottom: .4rem; border-bottom: 1px solid var(--line) }
h3 { margin: 0 0 .4rem; font-size: 1rem; overflow-wrap: anywhere }
a { color: var(--accent); text-decoration: none }
article { margin: 1.5rem 0; padding: 1.2rem 1.4rem; border: 1px solid var(--line); border-radius: 10px }
article:target { border-color: var(--accent) }
nav .entry[hidden] { display: none }
b { display: inline-block; min-width: 3.4rem; text-indent: 0; font: 600 .72rem ui-monospace, monospace; text-transform: uppercase }
b.get { color: #1d7a4d } b.post { color: #2458d3 } b.patch { color: #a86500 } b.delete { color: #c02c38 }
code, pre { font: .86em/1.5 ui-monospace, monospace }
pre { margin: 1rem 0 0; padding: .9rem 1rem; overflow-x: auto; border-radius: 8px; background: var(--panel) }
table { width: 100%; margin-top: .8rem; border-collapse: collapse; font-size: .9rem }
caption, .status { margin: .8rem 0 0; text-align: left; font-weight: 600; font-size: .85rem; color: var(--soft) }
td { padding: .35rem .8rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top }
td:first-child { width: 13rem } td:nth-child(2) { width: 12rem; overflow-wrap: anywhere; color: var(--soft) }
td i { color: var(--soft); font-size: .8rem }
.permission { margin-left: .4rem; padding: .1rem .5rem; border-radius: 99px; background: var(--panel); color: var(--soft); font-size: .8rem }
@media (max-width: 50rem) { body { display: block } nav { position: static; height: auto; max-height: 40vh } main { padding: 1rem } }
`

export const SCRIPT = `
document.getElementById('search').addEventListener('input', ({ target }) => {
  const wanted = target.value.toLowerCase()
  for (const entry of document.querySelectorAll('nav .entry')) entry.hidden = !entry.textContent.toLowerCase().includes(wanted)
})
`
