namespace KvmSevVmm.Vmm.Devices;

/// <summary>A serial port as the one who types sees it.</summary>
public interface ISerialInput
{
    /// <summary>Told when the guest has read everything, after <see cref="Receive"/> had to refuse bytes. Called on a vCPU thread: short,
    /// no allocation.</summary>
    Action? InputReady { get; set; }

    /// <summary>Offers bytes to the guest; never blocks.</summary>
    /// <param name="data">The bytes.</param>
    /// <returns>How many of them, from the first, were taken. If not all, <see cref="InputReady"/> follows.</returns>
    int Receive(ReadOnlySpan<byte> data);

    /// <summary>Signals a break on the line (Linux: the prefix of a SysRq key).</summary>
    /// <returns>False if there is no room for it now.</returns>
    bool ReceiveBreak();
}
