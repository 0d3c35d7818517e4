using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>Reads and writes of 1, 2, 4 and 8 bytes anywhere in a device's window: no guest may make it throw.</summary>
internal static class RandomAccesses
{
    private const int Count = 100_000;

    /// <param name="device">The device.</param>
    /// <param name="windowLength">Bytes of its window.</param>
    internal static void Make(IBusDevice device, int windowLength)
    {
        Random random = new(Seeds.Next());
        byte[] data = new byte[8];
        for (int i = 0; i < Count; i++)
        {
            int size = 1 << random.Next(4);
            ulong offset = (ulong)random.Next(windowLength - size + 1);
            random.NextBytes(data);
            if (random.Next(2) == 0)
            {
                device.Read(offset, data.AsSpan(0, size));
            }
            else
            {
                device.Write(offset, data.AsSpan(0, size));
            }
        }
    }
}
