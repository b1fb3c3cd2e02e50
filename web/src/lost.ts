/** What an address shows that names nothing. */
import './styles/home.css';
import { root } from './address.ts';
import { header } from './brand.ts';
import { h } from './dom.ts';

document.body.append(
  header(),
  h(
    'main',
    { class: 'page lost' },
    h('h1', {}, 'Nothing at this address'),
    h('p', { class: 'lead' }, 'It may have moved, or the link has a typing error.'),
    h('a', { class: 'button', href: root().href }, 'See who is on air'),
  ),
);
