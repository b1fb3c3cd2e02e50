import './styles/base.css';

document.body.dataset.ready = '';
