// State timelines. Grafana does not publish its own component: the bars are drawn here, the words and colours are of Grafana's code.
import React from 'react';
import { frames } from './fields';

function runs({ fields: [time, field] }, step) {
  const found = [];
  time.values.forEach((at, index) => {
    const value = field.values[index];
    if (value === null) return;
    const { color, text } = field.display(value);
    const last = found[found.length - 1];
    if (last && last.color === color && at - last.to <= 1.5 * step) last.to = at;
    else found.push({ from: at, to: at, color, text });
  });
  return found;
}

export function States({ panel, page, width, height }) {
  const rows = frames(panel);
  const name = Math.min(260, width * 0.4), row = Math.min(30, (height - 20) / Math.max(1, rows.length));
  const scale = (at) => name + ((at - page.from) / (page.to - page.from)) * (width - name - 8);
  const step = panel.step * 1000;
  return (
    <svg width={width} height={height} fontSize={12} fill="#ccccdc">
      {rows.map((frame, index) => (
        <g key={index} transform={`translate(0,${index * row})`}>
          <text x={name - 8} y={row / 2 + 4} textAnchor="end">{frame.fields[1].state.displayName}</text>
          {runs(frame, step).map(({ from, to, color }) => (
            <rect key={from} x={scale(from)} width={Math.max(1, scale(to + step) - scale(from))} y={2} height={row - 4} fill={color} />
          ))}
        </g>
      ))}
    </svg>
  );
}
