/** Characters of the reason that goes with an operation. */
export const REASON_CHARS_MAX = 400
