/** Fixed forms instead of locale ones: the same results must give the same bytes on every machine. */
export const ms = (value: number | null, digits = 1): string =>
  value === null || !Number.isFinite(value)
    ? '–'
    : value
        .toFixed(digits)
        .replace(/^-(0\.?0*)$/, '$1')
        .replace('-', '−')

/** Two digits below ten and none above a hundred: what a bar of one millisecond and one of 400 both need. */
export const shortMs = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

export const ratio = (value: number | null, digits = 3): string =>
  value === null || !Number.isFinite(value) ? '–' : value.toFixed(digits)

/** A coordinate in a picture. */
export const px = (value: number): string => String(Math.round(value * 10) / 10)

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Round numbers from 0 to at least `max`; the last one is the end of the axis. */
export function axisTicks(max: number, wanted = 5): readonly number[] {
  const rough = Math.max(max, 1e-9) / wanted
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = magnitude * ([1, 2, 2.5, 5, 10].find((each) => each * magnitude >= rough) ?? 10)
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)))
}

/** Powers of ten around a span; at least one decade. */
export function decades(min: number, max: number): readonly number[] {
  const first = Math.floor(Math.log10(min))
  const last = Math.max(first + 1, Math.ceil(Math.log10(max)))
  return Array.from({ length: last - first + 1 }, (_, index) => Number((10 ** (first + index)).toPrecision(12)))
}

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']
export const countWord = (count: number): string => WORDS[count] ?? String(count)
