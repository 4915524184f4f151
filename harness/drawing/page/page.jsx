// A whole dashboard. `window.PAGE` holds its panels with the answers to their queries; `window.REPORT` is what the check reads.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import plotStyle from 'uplot/dist/uPlot.min.css';
import { theme } from './fields';
import { Lines } from './lines';
import { Rows } from './rows';
import { States } from './states';
import { Tiles } from './tiles';

const KINDS = { timeseries: Lines, stat: Tiles, table: Rows, 'state-timeline': States };
const UNIT = 38, GAP = 8, WIDTH = 1560;
const page = window.PAGE;
const reports = (window.REPORT = {});

function placed({ x, y, w, h }) {
  const column = (WIDTH + GAP) / 24;
  return { left: x * column, top: y * UNIT, width: w * column - GAP, height: h * UNIT - GAP, position: 'absolute' };
}

function Panel({ panel }) {
  const place = placed(panel.gridPos);
  const said = (found) => Object.assign((reports[panel.id] ??= { title: panel.title, type: panel.type }), found);
  if (panel.type === 'row') return <div style={{ ...place, color: '#ccccdc', fontSize: 16, paddingTop: 6 }}>▾ {panel.title}</div>;
  const count = panel.answers.reduce((sum, { series }) => sum + series.length, 0);
  said({ series: count });
  const Kind = KINDS[panel.type];
  return (
    <div style={place} data-panel={panel.id}>
      <PanelChrome title={panel.title} width={place.width} height={place.height} description={panel.description}>
        {(width, height) => count ? <Kind panel={panel} page={page} width={width} height={height} report={said} />
          : <div style={{ textAlign: 'center', paddingTop: height / 3, color: '#8e8e98' }}>No data</div>}
      </PanelChrome>
    </div>
  );
}

class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(error) { return { error }; }
  componentDidCatch(error) { Object.assign((reports[this.props.panel.id] ??= {}), { title: this.props.panel.title, error: String(error) }); }
  render() { return this.state.error ? null : this.props.children; }
}

const bottom = Math.max(...page.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * UNIT;
const root = document.getElementById('root');
root.style.cssText = `position:relative;width:${WIDTH}px;height:${bottom}px;margin:50px 16px 10px`;
createRoot(root).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <style>{plotStyle}</style>
    <div style={{ position: 'absolute', top: -36, fontSize: 20, color: '#ccccdc' }}>{page.title}
      <span style={{ fontSize: 13, color: '#8e8e98', marginLeft: 16 }}>{page.about}</span></div>
    {page.panels.map((panel) => <Guard key={panel.id} panel={panel}><Panel panel={panel} /></Guard>)}
  </ThemeContext.Provider>
);

// Canvases that show nothing but background are counted; then the check may read.
function ink(canvas) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let seen = 0;
  for (let at = 3; at < data.length; at += 4) seen += data[at] > 0;
  return seen;
}

let looks = 60;

// A busy machine draws late: what is empty is looked at again, each time after one more frame.
function look() {
  let empty = false;
  for (const place of document.querySelectorAll('[data-panel]')) {
    const report = reports[place.dataset.panel], canvases = [...place.querySelectorAll('canvas')];
    report.ink = canvases.reduce((sum, canvas) => sum + ink(canvas), 0);
    report.words = place.innerText.trim().slice(0, 2000);
    report.shapes = place.querySelectorAll('rect').length;
    empty ||= report.type === 'timeseries' && report.series > 0 && !report.ink;
  }
  if (empty && (looks -= 1)) return void requestAnimationFrame(() => setTimeout(look, 100));
  const script = document.createElement('script');
  script.type = 'application/json';
  script.id = 'report';
  script.textContent = JSON.stringify(reports);
  document.body.append(script);
}

setTimeout(look, 1500);
