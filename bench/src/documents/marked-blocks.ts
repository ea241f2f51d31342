/** Where a document has figures: between these two lines everything is written by the program. */
const opening = (name: string): string => `<!-- figures ${name}: written by meridian bench render -->`
const CLOSING = '<!-- end of figures -->'
const BLOCK = /<!-- figures ([a-z0-9-]+): written by meridian bench render -->\n[^]*?<!-- end of figures -->/g

/** Names of the blocks of a document, in its order. */
export const blockNames = (text: string): readonly string[] =>
  [...text.matchAll(BLOCK)].flatMap(([, name]) => (name === undefined ? [] : [name]))

/**
 * The document with the content of each of its blocks replaced.
 *
 * @throws Error for a block of which `contentOf` has nothing
 */
export function withBlocks(text: string, contentOf: (name: string) => string | undefined): string {
  return text.replaceAll(BLOCK, (_, name: string) => {
    const content = contentOf(name)
    if (content === undefined) throw new Error(`nothing is known of the figures ${JSON.stringify(name)}`)
    return `${opening(name)}\n\n${content.trim()}\n\n${CLOSING}`
  })
}
