// Fields as Grafana's panels get them: data with units, limits, colours and names from the panel's own configuration.
import { FieldType, getDisplayProcessor, createTheme, stringToJsRegex, toDataFrame } from '@grafana/data';

export const theme = createTheme({ colors: { mode: 'dark' } });
export const ZONE = 'utc';

const LINE = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', showPoints: 'never',
  pointSize: 5, axisPlacement: 'auto', axisColorMode: 'text', axisBorderShow: false, axisCenteredZero: false, axisLabel: '',
  scaleDistribution: { type: 'linear' }, spanNulls: false, stacking: { mode: 'none', group: 'A' },
  hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' }, barAlignment: 0, insertNulls: false,
};

// What the overrides of a panel add to a series.
function overridden(fieldConfig, name) {
  const changed = { custom: {} };
  for (const { matcher, properties } of fieldConfig.overrides) {
    const wanted = matcher.options;
    const fits = matcher.id === 'byName' ? wanted === name : stringToJsRegex(wanted).test(name);
    if (fits) properties.forEach(({ id, value }) => set(changed, id, value));
  }
  return changed;
}

function set(target, id, value) {
  if (id.startsWith('custom.')) target.custom[id.slice(7)] = value;
  else target[id] = value;
}

export function configured(field, fieldConfig, index) {
  const name = field.config.displayName ?? field.config.displayNameFromDS ?? field.name;
  const { custom: own, ...rest } = overridden(fieldConfig, name);
  const { custom, ...defaults } = fieldConfig.defaults;
  field.config = {
    color: { mode: 'palette-classic' }, ...field.config, ...defaults, ...rest, custom: { ...LINE, ...custom, ...own },
  };
  field.state = { seriesIndex: index, displayName: name };
  field.display = getDisplayProcessor({ field, theme, timeZone: ZONE });
  return field;
}

// One frame per series, as the Prometheus data source answers.
export function frames(panel) {
  let index = 0;
  return panel.answers.flatMap((target) =>
    target.series.map(({ legend, labels, times, values }) => {
      const frame = toDataFrame({
        refId: target.refId,
        fields: [
          { name: 'Time', type: FieldType.time, values: times, config: { interval: panel.step * 1000 } },
          { name: 'Value', type: FieldType.number, values, labels, config: { displayNameFromDS: legend } },
        ],
      });
      frame.fields[0].display = getDisplayProcessor({ field: frame.fields[0], theme, timeZone: ZONE });
      configured(frame.fields[1], panel.fieldConfig, index++);
      return frame;
    })
  );
}
