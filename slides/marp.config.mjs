// What the decks are built with; also read by `npx marp --server .`, a preview while writing.
import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const types = { '.svg': 'svg+xml', '.png': 'png', '.jpg': 'jpeg' }

// Marp links images; a deck that travels as one file has to carry them.
const inlineImages = (md) =>
  md.core.ruler.push('inline_images', ({ tokens }) => {
    for (const image of tokens.flatMap((t) => t.children ?? []).filter((t) => t.type === 'image')) {
      const name = image.attrGet('src')
      if (name.startsWith('data:')) continue
      const type = types[extname(name)]
      if (!type) throw new Error(`${name}: a figure is an .svg, .png or .jpg file below slides/`)
      const content = readFileSync(join(here, decodeURI(name))).toString('base64')
      image.attrSet('src', `data:image/${type};base64,${content}`)
    }
  })

export default {
  engine: ({ marp }) => marp.use(inlineImages),
  themeSet: [join(here, 'theme.css')],
  html: true,
  lang: 'en',
  // MathJax draws formulas as inline SVG (KaTeX would fetch fonts); emoji stay text.
  options: { math: 'mathjax', emoji: { unicode: false, shortcode: true } },
}
