"""How `autotrace demo` runs the shop: two workers, and nothing left in the home folder."""

workers = 2
# Since gunicorn 25.1; older versions take no notice.
control_socket_disable = True
