// Look at the built decks in a headless browser: `node look.mjs [--shots DIR] [DECK.html ...]`.
// Reports what a reader would not see: content over a slide's edge or under its footer (it would
// be clipped in silence), text below 16 px, images that do not show, requests to anywhere else.
// --shots writes every slide as a picture. The browser: CHROME_PATH, or Chrome/Chromium as found.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import puppeteer from 'puppeteer-core'

const args = process.argv.slice(2)
const shots = args[0] === '--shots' ? args.splice(0, 2)[1] : null
const here = fileURLToPath(new URL('.', import.meta.url))
const built = readdirSync(here).filter((name) => name.endsWith('.html')).sort()
const decks = args.length ? args.map((name) => resolve(name)) : built.map((name) => join(here, name))
const known = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = process.env.CHROME_PATH ?? known.find(existsSync)
const browser = await puppeteer.launch({
  ...(executablePath ? { executablePath } : { channel: 'chrome' }),
  args: ['--no-sandbox', '--disable-gpu'],
})

// Runs in the page: measures the slide in view, in the slide's own pixels (1280 x 720).
function faults(number) {
  const section = document.querySelectorAll('svg[data-marpit-svg] > foreignObject > section')[number]
  const frame = section.getBoundingClientRect()
  const scale = frame.width / section.offsetWidth
  const found = []
  const name = (e) => `<${e.tagName.toLowerCase()}> ${(e.textContent ?? e.alt).trim().slice(0, 40)}`
  for (const e of section.querySelectorAll('*')) {
    if (e.closest('footer') || e.closest('mjx-container')) continue
    const box = e.getBoundingClientRect()
    if (!box.width) continue
    const [left, right] = [(box.left - frame.left) / scale, (box.right - frame.left) / scale]
    const bottom = (box.bottom - frame.top) / scale
    if (left < 20 || right > section.offsetWidth - 20 || bottom > section.offsetHeight - 46)
      found.push(`over the edge: ${name(e)} (left ${left | 0}, right ${right | 0}, bottom ${bottom | 0})`)
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== 'inline')
      found.push(`too wide: ${name(e)}`)
    if (parseFloat(getComputedStyle(e).fontSize) < 16) found.push(`small type: ${name(e)}`)
    if (e.tagName === 'IMG' && !e.naturalWidth) found.push(`no picture: ${e.alt}`)
  }
  return found
}

let count = 0
for (const deck of decks) {
  const page = await browser.newPage()
  await page.setViewport({ width: 1280, height: 720 })
  const outside = new Set()
  page.on('request', (r) => /^(file|data|blob|about):/.test(r.url()) || outside.add(r.url()))
  const total = await page
    .goto(pathToFileURL(deck))
    .then(() => page.$$eval('svg[data-marpit-svg] > foreignObject > section', (all) => all.length))
  await page.addStyleTag({ content: '.bespoke-marp-osc { display: none !important }' }) // the player's buttons
  for (let i = 0; i < total; i++) {
    await page.evaluate((number) => (location.hash = number), i + 1)
    await page.evaluate(() => new Promise((done) => setTimeout(done, 150))) // the player's own fade
    for (const fault of await page.evaluate(faults, i)) {
      console.log(`${basename(deck)} slide ${i + 1}: ${fault}`)
      count++
    }
    if (shots) {
      mkdirSync(shots, { recursive: true })
      const file = `${basename(deck, '.html')}_${String(i + 1).padStart(2, '0')}.png`
      await page.screenshot({ path: join(shots, file) })
    }
  }
  for (const url of outside) console.log(`${basename(deck)}: asks for ${url}`)
  count += outside.size
  console.log(`${basename(deck)}: ${total} slides looked at`)
  await page.close()
}
await browser.close()
process.exitCode = count ? 1 : 0
