import { markup, trusted } from './markup.ts'
import type { Markup } from './markup.ts'
import { px } from './numbers.ts'

export interface PictureFrame {
  /** Unique in its page. */
  readonly id: string
  readonly title: string
  /** What somebody who cannot see it should know. */
  readonly description: string
  readonly width: number
  readonly height: number
}

/** An SVG that says what it is. Its texts are sized for the given width; the page lets narrower screens scroll. */
export const picture = (frame: PictureFrame, content: readonly Markup[]): Markup =>
  markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(frame.width)} ${px(frame.height)}" width="${px(frame.width)}" height="${px(frame.height)}" style="--w:${px(frame.width)}px" role="img" aria-labelledby="${frame.id}-title ${frame.id}-desc"><title id="${frame.id}-title">${frame.title}</title><desc id="${frame.id}-desc">${frame.description}</desc>${content}</svg>`

export interface TextOptions {
  /** Classes of the style sheet. */
  readonly look?: string
  readonly style?: string
}

export const textAt = (x: number, y: number, content: string | Markup, { look, style }: TextOptions = {}): Markup =>
  markup`<text x="${px(x)}" y="${px(y)}"${look === undefined ? null : markup` class="${look}"`}${style === undefined ? null : markup` style="${style}"`}>${content}</text>`

export const lineAt = (look: string, x1: number, y1: number, x2: number, y2: number): Markup =>
  markup`<line class="${look}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** @param hint what a pointer resting on it is told */
export const rectAt = (look: string, box: Box, hint: string | null = null, style: string | null = null): Markup =>
  markup`<rect class="${look}" x="${px(box.x)}" y="${px(box.y)}" width="${px(box.width)}" height="${px(box.height)}"${style === null ? null : markup` style="${style}"`}>${hint === null ? null : markup`<title>${hint}</title>`}</rect>`

/** Diagonal lines, for what must not be read as a measured colour. Refer to it as `url(#<id>)`. */
export const hatch = (id: string): Markup =>
  markup`<defs><pattern id="${id}" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-back" width="7" height="7"/><line class="hatch-line" x1="0" y1="0" x2="0" y2="7"/></pattern></defs>`

/** Roughly; fonts differ from machine to machine, so nothing may depend on more than room for it. */
export const textWidth = (text: string, size = 13): number => text.length * size * 0.56

export const shortened = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`

export const STYLE_OF = (css: string): Markup => trusted(`<style>${css}</style>`)
