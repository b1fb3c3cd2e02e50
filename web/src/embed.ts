/** The bare player, for frames on other sites. */
import './styles/embed.css';
import { root, streamOf } from './address.ts';
import { shortName } from './format.ts';
import { Player } from './player/player.ts';
import { publish } from './probe.ts';

const base = root();
const path = streamOf(new URL(location.href), base);
document.title = `${shortName(path)} · Onair`;

const player = new Player(document.body, { path, base, query: new URLSearchParams(location.search) });
publish(player);
player.start();
