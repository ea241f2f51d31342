/** Told of every operation that succeeded: its name, and what its caller waited, ms. Must not throw. */
export type OperationMeter = (operation: string, actualMs: number) => void

export const unmetered: OperationMeter = () => {}
