import { styleText } from 'node:util'

/** What a piece of text is about; the terminal, if any, decides how that looks. */
export type Tone = 'plain' | 'title' | 'good' | 'bad' | 'faint'

export type Paint = (tone: Tone, text: string) => string

export const plain: Paint = (_, text) => text

const FORMATS = { title: 'bold', good: 'green', bad: 'red', faint: 'dim' } as const

export const colored: Paint = (tone, text) =>
  tone === 'plain' ? text : styleText(FORMATS[tone], text, { validateStream: false })
