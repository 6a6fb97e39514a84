import {b,a} from "./other"
export async function  load( url:string , {retries=3}:{retries?:number}={} ) :Promise<string>{
  var unused = 1; if(retries==0) { return a }
  for(let i=0;i<retries;i++){ try{ const r=await fetch(url);return await r.text() }catch(e){ console.log(e) ; debugger } }
  return b ? "x"+'y' : `plain`
}
