/** What can be chosen: the quality, the language, and what plays. */
import { h } from '../dom.ts';
import { bitrate, latency } from '../format.ts';
import { TITLES } from './choice.ts';
import { Menu, type Item } from './menu.ts';
import { levelName, voiceName, type Actions, type Model } from './model.ts';

export class Menus {
  readonly quality = new Menu('Quality', 'quality');
  readonly voice = new Menu('Sound', 'voice');
  readonly way = new Menu('Plays by', 'way', 'left');
  private readonly wayName = h('span', { class: 'way-name' });
  private readonly behind = h('span', { class: 'behind', title: 'Behind live' });

  constructor(private readonly actions: Actions) {}

  get isOpen(): boolean {
    return this.all.some((menu) => menu.isOpen);
  }

  /** Closes what is open and says whether anything was. */
  close(): boolean {
    return this.all.map((menu) => menu.close()).includes(true);
  }

  render(model: Model): void {
    this.renderQuality(model);
    this.renderVoice(model);
    this.renderWay(model);
  }

  private get all(): Menu[] {
    return [this.quality, this.voice, this.way];
  }

  private renderQuality({ levels, level, chosen }: Model): void {
    const shown = levels.filter((each) => each.height !== undefined).sort((a, b) => (b.height ?? 0) - (a.height ?? 0));
    const isAuto = chosen === undefined || !shown.some((each) => each.height === chosen);
    const now = level?.height === undefined ? '' : levelName(level);
    const items: Item[] = shown.map((each) => ({
      name: levelName(each),
      note: each.bitrateBps ? bitrate(each.bitrateBps) : '',
      isChosen: !isAuto && each.height === chosen,
      act: () => this.actions.choose(each),
    }));
    if (items.length > 0)
      items.unshift({ name: 'Auto', note: now, isChosen: isAuto, act: () => this.actions.choose(undefined) });
    const text = isAuto && shown.length > 1 ? `Auto ${now}`.trim() : now || 'Quality';
    this.quality.render([text], items);
  }

  private renderVoice({ voices, voice }: Model): void {
    const items = voices.map((each) => ({
      name: voiceName(each),
      note: each.language !== undefined && each.name !== undefined && each.name !== voiceName(each) ? each.name : '',
      isChosen: each.id === voice?.id,
      act: () => this.actions.speak(each),
    }));
    this.voice.render([voice ? voiceName(voice) : 'Sound'], items.length > 1 ? items : []);
  }

  private renderWay({ engine, asked, engines, note, latency: seconds, phase }: Model): void {
    const title = engine === undefined ? '' : TITLES[engine];
    const items: Item[] = engines.map((each) => ({
      name: TITLES[each.name],
      note: DELAYS[each.name],
      warning: each.note,
      isChosen: each.name === asked,
      act: () => this.actions.play(each.name),
    }));
    const auto = { name: 'Auto', note: title, isChosen: asked === undefined, act: () => this.actions.play(undefined) };
    this.way.render(
      [this.wayName, ' ', this.behind],
      [auto, ...items],
      engines.some((each) => each.note === note) ? '' : note,
    );
    this.way.write(this.wayName, title);
    this.way.write(this.behind, seconds === undefined || phase !== 'playing' ? '' : latency(seconds));
  }
}

/** What to expect of each. */
const DELAYS = { whep: 'under 0.5 s', hls: '1 to 2 s', dash: '1 to 3 s', native: '2 to 10 s' } as const;
