// Time series by Grafana's own component, with the annotations that Grafana draws on them, and what the check asks about the axes.
import React, { useLayoutEffect } from 'react';
import { TimeSeries } from '@grafana/ui';
import { frames, theme, ZONE } from './fields';

function Marks({ config, marks, report }) {
  useLayoutEffect(() => {
    config.addHook('draw', (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      for (const { time, color } of marks) {
        const x = Math.round(u.valToPos(time, 'x', true));
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName(color);
        ctx.setLineDash([5, 5]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x - 5, bbox.top + bbox.height + 5);
        ctx.lineTo(x + 5, bbox.top + bbox.height + 5);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.fill();
      }
      ctx.restore();
      const axes = u.axes.filter((axis) => axis.scale !== 'x' && axis._values);
      report({ axes: axes.map((axis) => axis._values.filter((text) => text)), tops: axes.map((axis) => u.scales[axis.scale].max) });
    });
  }, [config]);
  return null;
}

export function Lines({ panel, page, width, height, report }) {
  const range = { from: page.from, to: page.to, raw: { from: page.from, to: page.to } };
  const legend = { showLegend: true, calcs: [], ...panel.options.legend };
  return (
    <TimeSeries frames={frames(panel)} structureRev={1} width={width} height={height} timeRange={range} timeZone={ZONE} legend={legend}
      options={panel.options}>
      {(config) => <Marks config={config} marks={page.marks} report={report} />}
    </TimeSeries>
  );
}
