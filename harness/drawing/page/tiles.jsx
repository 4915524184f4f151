// Stat panels by Grafana's own component.
import React from 'react';
import { reduceField } from '@grafana/data';
import { BigValue, VizRepeater } from '@grafana/ui';
import { frames, theme } from './fields';

function shown(panel) {
  return frames(panel).map(({ fields: [, field] }) => {
    const [calc] = panel.options.reduceOptions.calcs;
    const value = field.display(reduceField({ field, reducers: [calc] })[calc]);
    return { ...value, title: field.state.displayName };
  });
}

export function Tiles({ panel, width, height }) {
  const { colorMode, textMode, orientation = 'auto', graphMode = 'none' } = panel.options;
  return (
    <VizRepeater getValues={() => shown(panel)} width={width} height={height} source={panel} renderCounter={1} orientation={orientation}
      autoGrid
      renderValue={({ value, width: w, height: h, count }) => (
        <BigValue value={value} width={w} height={h} colorMode={colorMode} graphMode={graphMode} theme={theme}
          textMode={textMode === 'auto' && count > 1 ? 'value_and_name' : textMode} count={count} justifyMode="auto" />
      )} />
  );
}
