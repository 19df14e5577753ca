"""Layouts of the objects of RSVP-TE and GMPLS (RFC 3209, RFC 3473 and what extends them)."""

cdef int fill_te() except -1:
    """Sessions, labels, routes and what a tunnel wishes."""
    for a, session, lsp in (
        ("a4", CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV4),
        ("a6", CType.LSP_TUNNEL_IPV6, CType.LSP_TUNNEL_IPV6),
    ):
        add_form(ClassNum.SESSION, session, te.LspTunnelSession,
                 f"endpoint:{a} -2 tunnel_id:u16 extended_tunnel_id:{a}")
        for class_num in (ClassNum.FILTER_SPEC, ClassNum.SENDER_TEMPLATE):
            add_form(class_num, lsp, te.LspTunnelFilter, f"sender:{a} -2 lsp_id:u16")
    add_form(ClassNum.SESSION, CType.LSP_TUNNEL_IPV6, te.LspTunnelSession,
             "endpoint:a6 -2 tunnel_id:u16 extended_tunnel_id:a4")
    for a, session, lsp in (
        ("a4", CType.P2MP_SESSION_IPV4, CType.P2MP_LSP_IPV4),
        ("a6", CType.P2MP_SESSION_IPV6, CType.P2MP_LSP_IPV6),
    ):
        add_form(ClassNum.SESSION, session, te.P2mpSession,
                 f"p2mp_id:u32 -2 tunnel_id:u16 extended_tunnel_id:{a}")
        for class_num in (ClassNum.FILTER_SPEC, ClassNum.SENDER_TEMPLATE):
            add_form(class_num, lsp, te.P2mpFilter,
                     f"sender:{a} -2 lsp_id:u16 originator:{a} -2 sub_group_id:u16")
    add_form(ClassNum.S2L_SUB_LSP, CType.IPV4, te.S2lSubLsp, "destination:a4")
    add_form(ClassNum.S2L_SUB_LSP, CType.IPV6, te.S2lSubLsp, "destination:a6")

    for class_num, plain, generalized, waveband in (
        (ClassNum.LABEL, te.Label, te.GeneralizedLabel, te.WavebandLabel),
        (ClassNum.SUGGESTED_LABEL, gmpls.SuggestedLabel, gmpls.SuggestedGeneralizedLabel,
         gmpls.SuggestedWavebandLabel),
        (ClassNum.UPSTREAM_LABEL, gmpls.UpstreamLabel, gmpls.UpstreamGeneralizedLabel,
         gmpls.UpstreamWavebandLabel),
        (ClassNum.RECOVERY_LABEL, gmpls.RecoveryLabel, gmpls.RecoveryGeneralizedLabel,
         gmpls.RecoveryWavebandLabel),
    ):
        add_form(class_num, CType.LABEL, plain, "label:u32")
        add_form(class_num, CType.GENERALIZED_LABEL, generalized, "label:bytes")
        add_form(class_num, CType.WAVEBAND_LABEL, waveband, "waveband:u32 first:u32 last:u32")
    add_form(ClassNum.LABEL_REQUEST, CType.LABEL_REQUEST, te.LabelRequest, "-2 l3pid:u16")
    add_form(ClassNum.LABEL_REQUEST, CType.ATM_LABEL_REQUEST, te.AtmLabelRequest,
             "-2 l3pid:u16 least_vpi:u16 least_vci:u16 most_vpi:u16 most_vci:u16")
    add_form(ClassNum.LABEL_REQUEST, CType.FRAME_RELAY_LABEL_REQUEST, te.FrameRelayLabelRequest,
             "-2 l3pid:u16 least_dlci:u32 most_dlci:u32")

    add_table("attributes", TLV_HEADING, te.UnknownAttribute)
    add_part("attributes", AttributeTlv.FLAGS, te.AttributeFlags, "flags:words")
    add_form(ClassNum.LSP_ATTRIBUTES, CType.GENERIC, te.LspAttributes, "attributes:@attributes")
    add_form(ClassNum.LSP_REQUIRED_ATTRIBUTES, CType.GENERIC, te.LspRequiredAttributes, "attributes:@attributes")

    add_table("exclusions", ROUTE_HEADING, te.UnknownHop)
    add_part("exclusions", HopType.IPV4, te.ExcludedPrefix, "address:a4 prefix_length:u8 attribute:u8")
    add_part("exclusions", HopType.IPV6, te.ExcludedPrefix, "address:a6 prefix_length:u8 attribute:u8")
    add_part("exclusions", HopType.UNNUMBERED, te.ExcludedInterface,
             "-1 attribute:u8 router_id:a4 interface:u32")
    add_part("exclusions", HopType.AUTONOMOUS_SYSTEM, te.AutonomousSystemHop, "number:u16")
    add_part("exclusions", HopType.SRLG, te.ExcludedRiskGroup, "srlg:u32 -2")
    add_form(ClassNum.EXCLUDE_ROUTE, CType.GENERIC, te.ExcludeRoute, "exclusions:@exclusions")

    add_table("hops", ROUTE_HEADING, te.UnknownHop)
    add_part("hops", HopType.IPV4, te.PrefixHop, "address:a4 prefix_length:u8 -1")
    add_part("hops", HopType.IPV6, te.PrefixHop, "address:a6 prefix_length:u8 -1")
    add_part("hops", HopType.LABEL, te.LabelHop, "flags:u8 label_type:u8 label:bytes")
    add_part("hops", HopType.UNNUMBERED, te.UnnumberedHop, "-2 router_id:a4 interface:u32")
    add_part("hops", HopType.AUTONOMOUS_SYSTEM, te.AutonomousSystemHop, "number:u16")
    add_part("hops", HopType.EXCLUSIONS, te.ExclusionHop, "-2 exclusions:@exclusions")
    add_part("hops", HopType.HOP_ATTRIBUTES, te.AttributesHop, "-1 flags:u8 attributes:@attributes")
    add_part("hops", HopType.PROTECTION, te.ProtectionHop, "-1 protection_type:u8 data:bytes")
    add_form(ClassNum.EXPLICIT_ROUTE, CType.GENERIC, te.ExplicitRoute, "hops:@hops")

    add_table("records", RECORD_HEADING, te.UnknownRecord)
    add_part("records", HopType.IPV4, te.AddressRecord, "address:a4 prefix_length:u8 flags:u8")
    add_part("records", HopType.IPV6, te.AddressRecord, "address:a6 prefix_length:u8 flags:u8")
    add_part("records", HopType.LABEL, te.LabelRecord, "flags:u8 label_type:u8 label:bytes")
    add_part("records", HopType.UNNUMBERED, te.UnnumberedRecord, "flags:u8 -1 router_id:a4 interface:u32")
    add_part("records", HopType.ATTRIBUTES, te.AttributesRecord, "-2 flags:words")
    add_part("records", HopType.HOP_ATTRIBUTES, te.HopAttributesRecord, "-2 attributes:@attributes")
    add_form(ClassNum.RECORD_ROUTE, CType.GENERIC, te.RecordRoute, "records:@records")

    add_form(ClassNum.SESSION_ATTRIBUTE, CType.SESSION_ATTRIBUTE, te.SessionAttribute,
             "setup_priority:u8 holding_priority:u8 flags:u8 session_name:latin1 padding:spare")
    add_form(ClassNum.SESSION_ATTRIBUTE, CType.AFFINITIES, te.AffinitySessionAttribute,
             "exclude_any:u32 include_any:u32 include_all:u32 "
             "setup_priority:u8 holding_priority:u8 flags:u8 session_name:latin1 padding:spare")
    add_form(ClassNum.FAST_REROUTE, CType.GENERIC, te.FastReroute,
             "setup_priority:u8 holding_priority:u8 hop_limit:u8 flags:u8 bandwidth:real "
             "include_any:u32 exclude_any:u32 include_all:u32")
    add_form(ClassNum.FAST_REROUTE, CType.FAST_REROUTE_OLD, te.OldFastReroute,
             "setup_priority:u8 holding_priority:u8 hop_limit:u8 -1 bandwidth:real include_any:u32 exclude_any:u32")
    add_form(ClassNum.DETOUR, CType.DETOUR_IPV4, te.Detour, "detours:a4pairs")
    add_form(ClassNum.DETOUR, CType.DETOUR_IPV6, te.Detour, "detours:a6pairs")
    add_form(ClassNum.HELLO, CType.HELLO_REQUEST, te.HelloRequest, "source_instance:u32 destination_instance:u32")
    add_form(ClassNum.HELLO, CType.HELLO_ACK, te.HelloAck, "source_instance:u32 destination_instance:u32")
    return fill_gmpls()


cdef int fill_gmpls() except -1:
    """Links of any kind, protection and recovery."""
    add_form(ClassNum.LABEL_REQUEST, CType.GENERALIZED_LABEL_REQUEST, gmpls.GeneralizedLabelRequest,
             "encoding:u8 switching:u8 gpid:u16")
    add_form(ClassNum.LABEL_SET, CType.GENERIC, gmpls.LabelSet, "action:u8 -2 label_type:u8 labels:words")
    add_form(ClassNum.ACCEPTABLE_LABEL_SET, CType.GENERIC, gmpls.AcceptableLabelSet,
             "action:u8 -2 label_type:u8 labels:words")
    add_form(ClassNum.PROTECTION, CType.LINK_PROTECTION, gmpls.LinkProtection, "flags:u8 -2 link_flags:u8")
    add_form(ClassNum.PROTECTION, CType.LSP_PROTECTION, gmpls.LspProtection,
             "flags:u8 lsp_flags:u8 -1 link_flags:u8 segment_flags:u8 segment_protection:u8 -2")
    add_form(ClassNum.NOTIFY_REQUEST, CType.IPV4, gmpls.NotifyRequest, "address:a4")
    add_form(ClassNum.NOTIFY_REQUEST, CType.IPV6, gmpls.NotifyRequest, "address:a6")
    add_form(ClassNum.ADMIN_STATUS, CType.GENERIC, gmpls.AdminStatus, "flags:u32")
    add_form(ClassNum.RESTART_CAP, CType.GENERIC, gmpls.RestartCapability, "restart_ms:u32 recovery_ms:u32")
    add_form(ClassNum.CAPABILITY, CType.GENERIC, gmpls.Capability, "flags:u32")
    add_form(ClassNum.LSP_TUNNEL_INTERFACE_ID, CType.GENERIC, gmpls.LspTunnelInterfaceId,
             "router_id:a4 interface:u32")

    add_table("interfaces", TLV_HEADING, gmpls.UnknownInterface)
    add_part("interfaces", InterfaceTlv.IPV4, gmpls.InterfaceAddress, "address:a4")
    add_part("interfaces", InterfaceTlv.IPV6, gmpls.InterfaceAddress, "address:a6")
    add_part("interfaces", InterfaceTlv.INDEX, gmpls.InterfaceIndex, "address:a4 interface:u32")
    add_part("interfaces", InterfaceTlv.DOWNSTREAM_COMPONENT, gmpls.DownstreamComponent, "address:a4 interface:u32")
    add_part("interfaces", InterfaceTlv.UPSTREAM_COMPONENT, gmpls.UpstreamComponent, "address:a4 interface:u32")
    for a, ctype in (("a4", CType.IF_ID_IPV4), ("a6", CType.IF_ID_IPV6)):
        add_form(ClassNum.RSVP_HOP, ctype, gmpls.InterfaceHop, f"address:{a} lih:u32 interfaces:@interfaces")
        add_form(ClassNum.ERROR_SPEC, ctype, gmpls.InterfaceErrorSpec,
                 f"node:{a} flags:u8 code:u8 value:u16 interfaces:@interfaces")

    for a, ctype in (("a4", CType.IPV4), ("a6", CType.IPV6)):
        add_form(ClassNum.ASSOCIATION, ctype, gmpls.Association,
                 f"association_type:u16 association_id:u16 source:{a}")
    add_form(ClassNum.PRIMARY_PATH_ROUTE, CType.GENERIC, gmpls.PrimaryPathRoute, "hops:@hops")
    add_form(ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.GENERIC, gmpls.SecondaryExplicitRoute, "hops:@hops")
    add_form(ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.P2MP_ROUTE, gmpls.P2mpSecondaryExplicitRoute, "hops:@hops")
    add_form(ClassNum.SECONDARY_RECORD_ROUTE, CType.GENERIC, gmpls.SecondaryRecordRoute, "records:@records")
    add_form(ClassNum.SECONDARY_RECORD_ROUTE, CType.P2MP_ROUTE, gmpls.P2mpSecondaryRecordRoute, "records:@records")
    add_table("user_parts", RECORD_HEADING, gmpls.UnknownRecord)
    add_form(ClassNum.USER_ERROR_SPEC, CType.GENERIC, gmpls.UserErrorSpec,
             "enterprise:u32 sub_organisation:u8 description:utf8 value:u16 parts:@user_parts")
    return 0
