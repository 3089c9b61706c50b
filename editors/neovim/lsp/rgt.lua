-- The language server of rgt, for `vim.lsp.enable('rgt')`. Change it with `vim.lsp.config('rgt', { … })`.

---@type vim.lsp.Config
return {
  cmd = { 'rgt', 'lsp' },
  -- All file types: items are named anywhere. There is one server for the whole editor, whatever the folder.
  root_markers = { '.git' },
  reuse_client = function(client, config)
    return require('rgt.server').reuse(client, config)
  end,
  capabilities = {
    -- What Neovim 0.11 does not announce: rgt.compat follows links, and has the handlers that draw again.
    textDocument = { documentLink = { tooltipSupport = false } },
    workspace = {
      codeLens = { refreshSupport = true },
      diagnostics = { refreshSupport = true },
    },
    experimental = {
      rgt = {
        serverStatus = true,
        townChanged = true,
        documents = true,
        commands = { 'rgt.attach', 'rgt.show', 'rgt.sling', 'rgt.answer' },
      },
    },
  },
  handlers = {
    ['rgt/serverStatus'] = function(_, status)
      require('rgt.server').status(status)
    end,
    ['rgt/townChanged'] = function(_, change)
      require('rgt.server').changed(change)
    end,
    ['window/showMessageRequest'] = function(...)
      return require('rgt.needs').asked(...)
    end,
    ['workspace/executeCommand'] = function(err)
      if err then
        require('rgt.say').error(err)
      end
    end,
    ['workspace/codeLens/refresh'] = function(_, _, ctx)
      return require('rgt.compat').refresh_lenses(ctx)
    end,
    ['workspace/diagnostic/refresh'] = function(_, _, ctx)
      return require('rgt.compat').refresh_diagnostics(ctx)
    end,
    ['workspace/textDocumentContent/refresh'] = function(_, params)
      return require('rgt.page').refresh(params.uri)
    end,
  },
  commands = {
    ['rgt.attach'] = function(command)
      require('rgt.terminal').attach(command.arguments[1].agent)
    end,
    ['rgt.show'] = function(command)
      require('rgt.page').show(command.arguments[1].id)
    end,
    ['rgt.sling'] = function(command)
      require('rgt.work').sling({ command.arguments[1].id })
    end,
    ['rgt.answer'] = function(command)
      require('rgt.needs').answer(command.arguments[1].id)
    end,
  },
  on_init = function(client)
    require('rgt.server').greeted(client)
  end,
  on_exit = function(code, signal, id)
    require('rgt.server').ended(code, signal, id)
  end,
}
