// Tables by Grafana's own component, after Grafana's own transformations.
import React, { useEffect, useState } from 'react';
import { FieldType, applyFieldOverrides, getDisplayProcessor, standardTransformers, standardTransformersRegistry, toDataFrame,
  transformDataFrame } from '@grafana/data';
import { Table } from '@grafana/ui';
import { configured, theme, ZONE } from './fields';

// Two names of the list are one transformation.
const KNOWN = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...KNOWN.values()].map((transformation) => ({ id: transformation.id, name: transformation.name, transformation, editor: () => null }))
);

// The answer of an instant query in the format of a table: a column per label.
function answered(target) {
  const names = [...new Set(target.series.flatMap(({ labels }) => Object.keys(labels)))].sort();
  const last = (list) => list[list.length - 1];
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: target.series.map(({ times }) => last(times)) },
      ...names.map((name) => ({ name, type: FieldType.string, values: target.series.map(({ labels }) => labels[name] ?? '') })),
      { name: 'Value', type: FieldType.number, values: target.series.map(({ values }) => last(values)) },
    ],
  });
}

export function Rows({ panel, width, height, report }) {
  const [frame, keep] = useState(null);
  useEffect(() => {
    const steps = panel.transformations ?? [];
    transformDataFrame(steps, panel.answers.map(answered), { interpolate: (text) => text }).subscribe(([found]) => {
      found.fields.forEach((field, index) => {
        configured(field, { ...panel.fieldConfig, defaults: { ...panel.fieldConfig.defaults } }, index);
        field.getLinks = () => [];
      });
      report({ columns: found.fields.map((field) => field.state.displayName), rows: found.length });
      keep(found);
    });
  }, []);
  if (!frame) return null;
  return <Table data={frame} width={width} height={height} initialSortBy={panel.options.sortBy} showTypeIcons={false} />;
}
