import {it} from 'vitest';
import {readFileSync} from 'node:fs';
import {parseNetwork} from '/work/main/src/network/parse.js';
import {buildTrainingStep} from '/work/main/src/training/build.js';
import {applySchedule} from '/work/main/src/schedule/apply.js';
import {fusionReport} from '/work/main/src/schedule/report.js';
import {featureTraffic} from '/work/main/src/bound/sweeps.js';
it('x', () => {
  for (const n of ['densenet121','resnet50']) {
  const net = parseNetwork(readFileSync(`workloads/networks/${n}.yaml`,'utf8'), n);
  for (const s of ['baseline','rcf','rcf+mvf','bnff','bnff+icf']) {
    const t0=performance.now();
    const b = buildTrainingStep(net,{batch:9});
    const a = applySchedule(b,s,{});
    const t1=performance.now();
    const f=featureTraffic(a,{bnBlocking:'streaming'});
    console.log(n,s,t1-t0,performance.now()-t1,a.operations.length,f.forward,f.backward);
    const r = fusionReport(b,a);
    console.log(JSON.stringify(r.counts));
    const reasons=new Map();
    for (const row of r.batchNorms) for (const p of ['statistics','normalise','gradientSums','inputGradient'] as const) { const x=row[p]; if(x.reason){const k=p+': '+x.reason; reasons.set(k,(reasons.get(k)??0)+1);} }
    console.log([...reasons].slice(0,12).map(([k,v])=>v+' '+k).join('\n'), reasons.size);
    console.log(JSON.stringify(r.batchNorms[3]), JSON.stringify(r.relus[1]));
  }}
});
