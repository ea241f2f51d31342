/** Round trips between regions, ms, as in the WAN lab; what is not named is a hundred. */
const RTT_MS: Readonly<Record<string, number>> = {
  'us-east eu-west': 70,
  'us-east ap-southeast': 236,
  'eu-west ap-southeast': 187,
  'us-east us-west': 62,
  'us-east ap-northeast': 156,
  'us-west eu-west': 138,
  'us-west ap-southeast': 170,
  'us-west ap-northeast': 98,
  'eu-west ap-northeast': 212,
  'ap-southeast ap-northeast': 68,
}

export const REGIONS = ['us-east', 'eu-west', 'ap-southeast', 'us-west', 'ap-northeast'] as const

/** Between two processes of one region. */
const LOCAL_RTT_MS = 0.6

export function rttMs(a: string, b: string): number {
  if (a === b) return LOCAL_RTT_MS
  return RTT_MS[`${a} ${b}`] ?? RTT_MS[`${b} ${a}`] ?? 100
}
