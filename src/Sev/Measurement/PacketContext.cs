namespace KvmSevVmm.Sev.Measurement;

/// <summary>The first byte under a packet's keyed hash: what the packet is for.</summary>
/// <remarks>Source: AMD SEV API 55766, transport packets.</remarks>
public enum PacketContext : byte
{
    /// <summary>LAUNCH_SECRET: the launch's measurement is hashed too.</summary>
    Secret = 0x01,

    /// <summary>SEND_UPDATE_DATA and RECEIVE_UPDATE_DATA.</summary>
    Data = 0x02,

    /// <summary>
    /// SEND_UPDATE_VMSA and RECEIVE_UPDATE_VMSA: AMD's published firmware passes the byte of the data commands (its list of contexts
    /// names 0x03, which nothing uses).
    /// </summary>
    Vmsa = Data,
}
