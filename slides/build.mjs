// Build the decks: `node build.mjs` for all, `node build.mjs 05_ants_and_bees.md` for one.
import { marpCli } from '@marp-team/marp-cli'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

// tests/course/test_slides.py computes the same digest: a deck that was changed and not built again fails.
const shared = ['build.mjs', 'marp.config.mjs', 'package-lock.json', 'theme.css']
function digest(deck) {
  const figures = readFileSync(deck, 'utf8').match(/figures\/[\w.-]+/g) ?? []
  const hash = createHash('sha256')
  for (const name of [deck, ...shared, ...[...new Set(figures)].sort()]) {
    hash.update(`${name}\n`).update(readFileSync(name))
  }
  return hash.digest('hex')
}

// Marp's player is made of plain <div>s: tell a screen reader which is the slide and which the buttons.
function withLandmarks(html) {
  for (const [div, role] of [
    ['<div id=":$p"', 'role="main"'],
    ['<div class="bespoke-marp-osc"', 'role="navigation" aria-label="Slides"'],
  ]) {
    if (html.split(div).length !== 2) throw new Error(`Marp's player has not one ${div}>: look at build.mjs`)
    html = html.replace(div, () => `${div} ${role}`)
  }
  return html
}

const all = readdirSync('.').filter((name) => name.endsWith('.md') && name !== 'README.md')
for (const deck of process.argv.length > 2 ? process.argv.slice(2) : all) {
  const page = deck.replace(/\.md$/, '.html')
  const status = await marpCli(['--config', 'marp.config.mjs', deck, '--output', page])
  if (status) process.exit(status)
  const html = withLandmarks(readFileSync(page, 'utf8'))
  writeFileSync(page, html.replace('<head>', `<head><meta name="sources" content="${digest(deck)}">`))
}
