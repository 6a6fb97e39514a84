// The bundler turns an imported image into its address.
declare module '*.png' {
  const address: string;
  export default address;
}
