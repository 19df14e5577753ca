"""Layouts of the objects of RSVP-TE (RFC 3209)."""

cdef int fill_te() except -1:
    add_form(ClassNum.SESSION, CType.LSP_TUNNEL_IPV4, te.LspTunnelSession,
             "endpoint:a4 -2 tunnel_id:u16 extended_tunnel_id:a4")
    add_form(ClassNum.SESSION, CType.LSP_TUNNEL_IPV6, te.LspTunnelSession,
             "endpoint:a6 -2 tunnel_id:u16 extended_tunnel_id:a6")
    for class_num in (ClassNum.FILTER_SPEC, ClassNum.SENDER_TEMPLATE):
        add_form(class_num, CType.LSP_TUNNEL_IPV4, te.LspTunnelFilter, "sender:a4 -2 lsp_id:u16")
        add_form(class_num, CType.LSP_TUNNEL_IPV6, te.LspTunnelFilter, "sender:a6 -2 lsp_id:u16")

    add_table("hops", ROUTE_HEADING, te.UnknownHop)
    add_part("hops", HopType.IPV4, te.PrefixHop, "address:a4 prefix_length:u8 -1")
    add_part("hops", HopType.IPV6, te.PrefixHop, "address:a6 prefix_length:u8 -1")
    add_part("hops", HopType.AUTONOMOUS_SYSTEM, te.AutonomousSystemHop, "number:u16")
    add_form(ClassNum.EXPLICIT_ROUTE, CType.GENERIC, te.ExplicitRoute, "hops:@hops")
    return 0
