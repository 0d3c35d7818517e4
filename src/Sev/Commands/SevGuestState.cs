namespace KvmSevVmm.Sev.Commands;

/// <summary>The state of a guest in the firmware.</summary>
/// <remarks>Source: AMD SEV API 55766, GUEST_STATUS; the kernel's documentation has 4 and 5 the other way round.</remarks>
public enum SevGuestState
{
    /// <summary>GSTATE.UNINIT: neither LAUNCH_START nor RECEIVE_START came.</summary>
    Uninitialized = 0,

    /// <summary>GSTATE.LUPDATE: the launch takes data.</summary>
    LaunchUpdate = 1,

    /// <summary>GSTATE.LSECRET: the launch is measured and takes secrets.</summary>
    LaunchSecret = 2,

    /// <summary>GSTATE.RUNNING: the launch is finished.</summary>
    Running = 3,

    /// <summary>GSTATE.SUPDATE: the guest is being sent.</summary>
    SendUpdate = 4,

    /// <summary>GSTATE.RUPDATE: the guest is being received.</summary>
    ReceiveUpdate = 5,

    /// <summary>GSTATE.SENT: the guest has been sent.</summary>
    Sent = 6,
}
