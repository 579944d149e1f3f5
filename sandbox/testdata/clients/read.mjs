// Prints an object of Cloud Storage, read with a credential configuration.
//
// Usage: node read.mjs CONFIGURATION URL
import {GoogleAuth} from 'google-auth-library';

const [configuration, url] = process.argv.slice(2);
const auth = new GoogleAuth({
  keyFile: configuration,
  scopes: 'https://www.googleapis.com/auth/devstorage.read_only',
});
const client = await auth.getClient();
const response = await client.request({url, responseType: 'text'});
process.stdout.write(response.data);
