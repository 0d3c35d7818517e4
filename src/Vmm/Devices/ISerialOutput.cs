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
}
