namespace KvmSevVmm.Vmm.Devices;

/// <summary>Where a serial port sends its bytes.</summary>
public interface ISerialOutput
{
    /// <summary>Told when the output takes bytes again after <see cref="TryWrite"/> said no. Called on any thread, with no lock of the
    /// output held.</summary>
    Action? OutputReady { get; set; }

    /// <summary>Takes one byte; never blocks and never allocates.</summary>
    /// <param name="value">The byte.</param>
    /// <returns>False if there is no room now; <see cref="OutputReady"/> follows.</returns>
    bool TryWrite(byte value);

    /// <summary>Takes as many bytes as there is room for; never blocks and never allocates.</summary>
    /// <param name="data">The bytes.</param>
    /// <returns>How many, from the first. If not all, <see cref="OutputReady"/> follows.</returns>
    int Write(ReadOnlySpan<byte> data)
    {
        int taken = 0;
        while (taken < data.Length && TryWrite(data[taken]))
        {
            taken++;
        }

        return taken;
    }
}
