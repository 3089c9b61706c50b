-- Names alone: nothing is loaded before it is used.
if vim.g.loaded_rgt then
  return
end
vim.g.loaded_rgt = true

if vim.fn.has('nvim-0.11') ~= 1 then
  vim.notify_once('rgt: this plugin needs Neovim 0.11 or newer', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_user_command('Rgt', function(opts)
  require('rgt.command').run(opts)
end, {
  nargs = '*',
  range = true,
  bang = true,
  desc = 'The town of agents, see :help :Rgt',
  complete = function(lead, line)
    return require('rgt.command').complete(lead, line)
  end,
})

for name, verb in pairs({
  Attach = 'attach',
  Agents = 'agents',
  Work = 'work',
  Open = 'open',
  Town = 'status',
  Needs = 'needs',
  Queue = 'mq',
  Create = 'create',
  Sling = 'sling',
  Chat = 'chat',
  Send = 'send',
  Diff = 'diff',
  Worktree = 'worktree',
}) do
  -- `:` and not <Cmd>, so that a selection becomes the range of the command.
  vim.keymap.set({ 'n', 'x' }, ('<Plug>(Rgt%s)'):format(name), (':Rgt %s<CR>'):format(verb), {
    silent = true,
    desc = 'rgt: ' .. verb,
  })
end

local group = vim.api.nvim_create_augroup('rgt', {})
vim.api.nvim_create_autocmd('BufReadCmd', {
  group = group,
  -- With a slash, since a pattern without one is held against the last part of a name alone.
  pattern = 'rgt:/*',
  desc = 'rgt: pages of the town',
  callback = function(event)
    require('rgt.page').read(event.buf, event.match)
  end,
})
vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  desc = 'rgt: lenses',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'rgt' then
      require('rgt.compat').attached(client, event.buf)
    end
  end,
})
