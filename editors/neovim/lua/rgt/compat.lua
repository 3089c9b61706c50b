--- What Neovim 0.11 lacks of the protocol: lenses that draw themselves, and requests to draw things again.
local config = require('rgt.config')

local M = {}

---@param buf integer
local function draw_lenses(buf)
  if vim.api.nvim_buf_is_loaded(buf) and config.get().code_lens then
    vim.lsp.codelens.refresh({ bufnr = buf })
  end
end

--- The client serves a buffer: draw its lenses, now and after edits.
---@param client vim.lsp.Client
---@param buf integer
function M.attached(client, buf)
  require('rgt.server').serves(buf)
  if vim.lsp.codelens.enable then -- Neovim 0.12 draws them itself
    return config.get().code_lens and vim.lsp.codelens.enable(true, { bufnr = buf, client_id = client.id })
  end
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'TextChanged' }, {
    group = vim.api.nvim_create_augroup('rgt.lenses.' .. buf, {}),
    buffer = buf,
    desc = 'rgt: lenses',
    callback = function()
      draw_lenses(buf)
    end,
  })
  draw_lenses(buf)
end

---@param ctx lsp.HandlerContext
---@param each fun(client: vim.lsp.Client, buf: integer)
local function of_each(ctx, each)
  local client = vim.lsp.get_client_by_id(ctx.client_id)
  for buf in pairs(client and client.attached_buffers or {}) do
    each(client, buf)
  end
  return vim.NIL -- a handler that gives nil would leave the request without an answer
end

--- `workspace/codeLens/refresh`
---@param ctx lsp.HandlerContext
function M.refresh_lenses(ctx)
  return of_each(ctx, function(_, buf)
    draw_lenses(buf)
  end)
end

--- `workspace/diagnostic/refresh`
---@param ctx lsp.HandlerContext
function M.refresh_diagnostics(ctx)
  return of_each(ctx, function(client, buf)
    if vim.api.nvim_buf_is_loaded(buf) then
      local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
      client:request('textDocument/diagnostic', params, nil, buf)
    end
  end)
end

--- Follow the document link under the cursor.
---@param missing fun() When there is none
function M.follow(missing)
  local client = vim.lsp.get_clients({ name = 'rgt', bufnr = 0 })[1]
  if not client then
    return missing()
  end
  local window = vim.api.nvim_get_current_win()
  local at = vim.lsp.util.make_position_params(window, client.offset_encoding).position
  local params = { textDocument = vim.lsp.util.make_text_document_params(0) }
  client:request('textDocument/documentLink', params, function(_, links)
    local link = vim.iter(links or {}):find(function(found)
      local first, last = found.range.start, found.range['end']
      return first.line == at.line and first.character <= at.character and at.character < last.character
    end)
    if link then
      require('rgt.page').open(link.target)
    else
      missing()
    end
  end, 0)
end

return M
