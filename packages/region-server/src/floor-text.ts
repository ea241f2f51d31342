/** `0.61 ms`, `70.5 ms`: as fine as what is measured. */
export const floorText = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`
