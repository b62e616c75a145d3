import { it } from 'vitest';
import { loadZooNetwork } from '/work/main/test/unit/network/zoo.js';
import { buildTrainingStep } from '/work/main/src/training/build.js';
import { applySchedule } from '/work/main/src/schedule/apply.js';
import { lowerProgram } from '/work/main/src/kernel/lower.js';
import { OpStream } from '/work/main/src/kernel/op-stream.js';
import { makeTarget, SOFTWARE } from '/work/main/test/unit/kernel/streaming/fixtures.js';

it('probe', () => {
  for (const [net, schedule] of [['densenet121','baseline'],['densenet121','bnff+icf'],['resnet50','bnff'],['vgg16','baseline'],['alexnet','baseline']] as const) {
    const t0 = performance.now();
    const step = applySchedule(buildTrainingStep(loadZooNetwork(net), { batch: 12 }), schedule, {} as never) as any;
    const target = makeTarget({ threads: 4, totalThreads: 40, totalBatch: 120 });
    const p = lowerProgram(step.step ?? step, target, SOFTWARE);
    const t1 = performance.now();
    const out = new OpStream();
    const rows = new Map<string, {acc:number, runs:number, tiles:number, maxTile:number, busy:number, phases:number, ms:number, shortRuns:number}>();
    for (const k of p.kernels) {
      const r = rows.get(k.type+' '+k.phase) ?? {acc:0,runs:0,tiles:0,maxTile:0,busy:0,phases:0,ms:0,shortRuns:0};
      const s0 = performance.now();
      out.flops = 0;
      for (const ph of k.phases) { r.phases++; let mx=0; for (let t=0;t<4;t++) { let b=0; const n=ph.tileCount(t); for (let i=0;i<n;i++){ out.clear(); ph.emit(t,i,out); r.tiles++; let at=0,acc=0; while(at<out.length){const s=out.words[at],c=out.words[at+1]; acc+=s*c; b+=c*out.words[at+2]/256; r.runs++; if(c<8) r.shortRuns++; at+=6+3*s;} r.acc+=acc; r.maxTile=Math.max(r.maxTile,acc);} mx=Math.max(mx,b);} r.busy+=mx; }
      if (out.flops !== k.flops) console.log('FLOPS', k.name, out.flops, k.flops);
      r.ms += performance.now()-s0;
      rows.set(k.type+' '+k.phase, r);
    }
    console.log(net, schedule, 'lower ms', (t1-t0).toFixed(0), 'kernels', p.kernels.length, 'lines', p.lines, 'param lines', p.parameterEnd-p.parameterBase);
    console.table(Object.fromEntries([...rows].map(([k,v])=>[k,{...v,acc:(v.acc/1e6).toFixed(2)+'M',busy:(v.busy/1e6).toFixed(2)+'M',ms:v.ms.toFixed(0)}])));
  }
}, 300000);
